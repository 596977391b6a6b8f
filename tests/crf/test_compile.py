"""Where compiled kernels are kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from numba import config

import napari_fcn_crf

RUN = """
import numpy as np
from pathlib import Path
from napari_fcn_crf.crf._kernels import lattice_building
from napari_fcn_crf.kernels import compilation
from napari_fcn_crf.crf.unary import log_odds
print(compilation.cache_folder(Path(lattice_building.__file__).parent))
print(float(log_odds(np.full((2, 1, 4, 4), 0.5, np.float32), 1).max()))
"""


def run(**environment: str) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split()


@pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled")
@pytest.mark.skipif(sys.platform != "linux", reason="the variable is Linux's")
def test_machine_code_is_kept_in_the_users_cache_and_not_in_the_package(tmp_path: Path) -> None:
    package = Path(napari_fcn_crf.__file__).parent
    before = set(package.rglob("*.nb?"))
    folder, odds = run(XDG_CACHE_HOME=str(tmp_path))
    assert Path(folder).is_relative_to(tmp_path)
    assert odds == "0.0"
    assert list(Path(folder).rglob("*log_odds*.nbc"))
    assert set(package.rglob("*.nb?")) == before


@pytest.mark.skipif(sys.platform != "linux", reason="the variable is Linux's")
def test_without_a_folder_to_write_to_kernels_are_compiled_each_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run(XDG_CACHE_HOME=str(tmp_path / "file")) == ["None", "0.0"]
