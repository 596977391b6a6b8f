"""Recipe: what is done with each image of a batch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from napari_fcn_crf.data.ome_zarr.labels import Version
from napari_fcn_crf.settings import CRFSettings, IntensityChoice, PredictionSettings


@dataclass(frozen=True)
class ObjectsWanted:
    """Which objects of each image are numbered one by one.

    Parameters
    ----------
    value : int
        Label of their class.
    minimum_px : int, optional
        Smaller ones join what they touch, and go where they touch nothing. By default it is told by
        the others of the image.
    """

    value: int
    minimum_px: int | None = None


@dataclass(frozen=True)
class Recipe:
    """What is done with each image of a batch.

    Parameters
    ----------
    prediction : PredictionSettings
    crf : CRFSettings, optional
        What predictions are refined with; they are not without.
    intensity : {"auto", "model", "image"}
        How values are mapped, see `predict`.
    minimum_px : int
        Regions of fewer pixels go to their neighbours; 0 leaves all.
    probabilities : bool
        Whether probabilities are written besides labels.
    axes : str, optional
        One letter an axis; it overrules the files.
    channels : tuple of int
        Those that are used, counted from 0; all if there are none.
    exif : bool
        Whether photographs are turned as their camera noted.
    ome_zarr_version : {"0.4", "0.5"}
        Of the labels of zarr images.
    exports : tuple of str
        Names of formats that labels are written in besides.
    objects : ObjectsWanted, optional
        Which are numbered besides; none if not given.
    """

    prediction: PredictionSettings = field(default_factory=PredictionSettings)
    crf: CRFSettings | None = None
    intensity: IntensityChoice = "auto"
    minimum_px: int = 0
    probabilities: bool = False
    axes: str | None = None
    channels: tuple[int, ...] = ()
    exif: bool = False
    ome_zarr_version: Version = "0.4"
    exports: tuple[str, ...] = ()
    objects: ObjectsWanted | None = None

    @property
    def object_exports(self) -> tuple[str, ...]:
        """Formats that the objects are written in; of them there is a table anyway."""
        if self.objects is None:
            return ()
        return tuple(name for name in dict.fromkeys(self.exports) if name != "objects")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, from which `from_dict` makes the same."""
        return {
            "prediction": self.prediction.to_dict(),
            "crf": None if self.crf is None else self.crf.to_dict(),
            "intensity": self.intensity,
            "minimum_px": self.minimum_px,
            "probabilities": self.probabilities,
            "axes": self.axes,
            "channels": list(self.channels),
            "exif": self.exif,
            "ome_zarr_version": self.ome_zarr_version,
            "exports": list(self.exports),
            "objects": None if self.objects is None else asdict(self.objects),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """Return what `to_dict` was made of."""
        crf, objects = values["crf"], values["objects"]
        return cls(
            **values
            | {
                "prediction": PredictionSettings.from_dict(values["prediction"]),
                "crf": None if crf is None else CRFSettings.from_dict(crf),
                "channels": tuple(values["channels"]),
                "exports": tuple(values["exports"]),
                "objects": None if objects is None else ObjectsWanted(**objects),
            }
        )

    def digest(self, model_sha256: str) -> str:
        """Return a short hash of all that results depend on besides the image."""
        said = {"model": model_sha256, **self.to_dict()}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
