"""A person and their folder for each walk; WALKS=FOLDER keeps the pictures there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.ui.walks.person import Person


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They take a minute and more together, and so are of `make walks` and `make test-long`.

    What is on the screen is looked at: each begins with a window that nothing was shown in.
    """
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.long)
            item.add_marker(pytest.mark.own_window)


@pytest.fixture
def person(viewer, qtbot, request) -> Person:
    folder = os.environ.get("WALKS")
    pictures = Path(folder) if folder else None
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
    return Person(viewer, qtbot, pictures, request.node.name.removeprefix("test_"))
