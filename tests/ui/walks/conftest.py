"""A person and their folder for each walk; WALKS=FOLDER keeps the pictures there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.ui.walks.person import Person


@pytest.fixture
def person(viewer, qtbot, request) -> Person:
    folder = os.environ.get("WALKS")
    pictures = None if folder is None else Path(folder)
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
    return Person(viewer, qtbot, pictures, request.node.name.removeprefix("test_"))
