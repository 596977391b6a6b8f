"""Recipe: what is done with each image of a batch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from napari_fcn_crf.data.ome_zarr.labels import Version
from napari_fcn_crf.settings import CRFSettings, IntensityChoice, PredictionSettings


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
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """Return what `to_dict` was made of."""
        crf = values["crf"]
        return cls(
            **values
            | {
                "prediction": PredictionSettings.from_dict(values["prediction"]),
                "crf": None if crf is None else CRFSettings.from_dict(crf),
                "channels": tuple(values["channels"]),
                "exports": tuple(values["exports"]),
            }
        )

    def digest(self, model_sha256: str) -> str:
        """Return a short hash of all that results depend on besides the image."""
        said = {"model": model_sha256, **self.to_dict()}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
