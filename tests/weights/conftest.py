from __future__ import annotations

import pytest

from tests.weights.reference import Reference, random_reference


@pytest.fixture(scope="session")
def compact() -> Reference:
    """A random VGG-16 of a quarter of the width: the readers treat both alike."""
    return random_reference("vgg16-compact")
