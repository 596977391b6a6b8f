"""Presets of CRF settings: the published ones, and the user's own in a file."""

from __future__ import annotations

import json
from pathlib import Path

from napari_fcn_crf.atomic_files import atomic_path
from napari_fcn_crf.settings import CRFSettings

PUBLISHED = {
    "Default": CRFSettings(),
    "Tutorial 2016": CRFSettings.paper(),
    "DeepLab": CRFSettings(
        iterations=10,
        gaussian_sigma_px=3.0,
        gaussian_weight=3.0,
        bilateral_sigma_px=50.0,
        bilateral_sigma_intensity=3.0,
        bilateral_weight=5.0,
    ),
}
"""The defaults, the tutorial's, and a point of the grid that DeepLab searched (Chen et al., ICLR
2015, section 4: w2 = 3, θγ = 3, w1 in 5 to 10, θα in 50 to 100, θβ in 3 to 10, 10 iterations),
https://doi.org/10.48550/arXiv.1412.7062."""


def default_path() -> Path:
    """Return the file with the user's presets."""
    from platformdirs import user_config_path

    return user_config_path("napari-fcn-crf") / "crf-presets.json"


def load(path: Path | None = None) -> dict[str, CRFSettings]:
    """Return the published presets, then the user's own.

    Raises
    ------
    ValueError
        If the file is damaged; the message names it.
    """
    path = path or default_path()
    if not path.exists():
        return dict(PUBLISHED)
    try:
        own = json.loads(path.read_text("utf-8"))
        return PUBLISHED | {name: CRFSettings.from_dict(values) for name, values in own.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"The presets in {path} cannot be read ({error}). Mend the file, or delete it."
        ) from error


def save(name: str, settings: CRFSettings, path: Path | None = None) -> None:
    """Keep settings under a name, replacing the user's own of that name.

    Raises
    ------
    ValueError
        If the name is empty or a published preset's.
    """
    name = name.strip()
    if not name or name in PUBLISHED:
        raise ValueError(
            "A preset needs a name of its own, but this one is "
            + ("empty." if not name else f"'{name}', a published preset's.")
        )
    path = path or default_path()
    own = {known: kept for known, kept in load(path).items() if known not in PUBLISHED}
    own[name] = settings
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {known: kept.to_dict() for known, kept in own.items()}
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1), "utf-8")
