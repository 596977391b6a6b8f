"""Training request: what a training in the compute process is asked for, besides its arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_fcn_crf.settings import TrainingSettings


@dataclass(frozen=True)
class TrainingRequest:
    """What to learn and how, and what to show and write meanwhile.

    Parameters
    ----------
    settings : TrainingSettings
    class_names : mapping of int to str
        Names of label values.
    resume_path : Path, optional
        The file of a model to go on with.
    preview : bool
        Whether to show now and then what the network would predict.
    tensorboard : Path, optional
        A folder to write an event file to.
    are_patches : tuple of bool
        Of each image, whether it is the patches of one plane, as `read_for_training` gives them;
        empty if none is.
    """

    settings: TrainingSettings = field(default_factory=TrainingSettings)
    class_names: Mapping[int, str] = field(default_factory=dict)
    resume_path: Path | None = None
    preview: bool = False
    tensorboard: Path | None = None
    are_patches: tuple[bool, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the request as plain JSON values; its paths mean the same in any folder."""
        return {
            "settings": self.settings.to_dict(),
            # JSON's keys are texts.
            "class_names": list(self.class_names.items()),
            "resume_path": _absolute(self.resume_path),
            "preview": self.preview,
            "tensorboard": _absolute(self.tensorboard),
            "are_patches": list(self.are_patches),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainingRequest:
        """Make a request from `to_dict`'s values."""
        resume_path, tensorboard = values["resume_path"], values["tensorboard"]
        return cls(
            TrainingSettings.from_dict(values["settings"]),
            dict(values["class_names"]),
            None if resume_path is None else Path(resume_path),
            values["preview"],
            None if tensorboard is None else Path(tensorboard),
            tuple(values["are_patches"]),
        )


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(Path(path).absolute())
