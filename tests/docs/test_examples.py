"""Scripts of the documentation run as they are, and find what they are about."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SCRIPTS = sorted(path for path in EXAMPLES.glob("*.py") if path.stem != "show")

LEAST_IOU = {"nuclei": 0.95, "aerial": 0.95, "movie": 0.85, "volume": 0.5}
"""Below what they print, where they know what is true."""

SAID = {
    "nuclei": "5 objects",
    "tissue": "epithelium: ",
    "phase_contrast": "A cell of ",
    "aerial": "water: ",
    "movie": "frame 5: ",
    "volume": "as a volume: ",
}


@pytest.mark.long
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_example(script, tmp_path):
    run = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert SAID[script.stem] in run.stdout
    assert (tmp_path / f"{script.stem}.png").stat().st_size > 5_000
    found = [float(number) for number in re.findall(r"IoU[\w ]* (\d\.\d+)", run.stdout)]
    assert bool(found) == (script.stem in LEAST_IOU)
    assert min(found, default=1) >= LEAST_IOU.get(script.stem, 0)
