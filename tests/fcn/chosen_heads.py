"""Which heads tests are about that every head must pass."""

from __future__ import annotations

from typing import get_args

import pytest

from napari_fcn_crf.settings import Architecture

_IN_FCN8S = ("fcn32s", "fcn16s")

EVERY_HEAD = [
    pytest.param(name, marks=pytest.mark.long if name in _IN_FCN8S else ())
    for name in get_args(Architecture)
]
"""All; those whose layers FCN-8s has as well, which adds to them, are of `make test-long`."""
