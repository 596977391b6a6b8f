"""Numbers of the training are typed in any notation, and set as they are or not at all."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui.sections.training_controls import TrainingControls


@pytest.fixture
def controls(qtbot) -> TrainingControls:
    controls = TrainingControls()
    qtbot.addWidget(controls)
    return controls


def _type(field, text: str) -> None:
    field.selectAll()
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)


def test_what_nobody_changes_is_the_default(controls) -> None:
    assert TrainingSettings(**controls.values()) == TrainingSettings(iterations=0)


@pytest.mark.parametrize(
    ("name", "typed", "value", "shown"),
    [
        ("learning_rate", "1e-4", 1e-4, "0.0001"),
        ("learning_rate", "2.5e-9", 2.5e-9, "2.5e-09"),
        ("learning_rate", "0.0012345678", 0.0012345678, "0.001235"),
        ("dropout", "0,25", 0.25, "0.25"),
        ("validation_fraction", ".5", 0.5, "0.5"),
        ("validation_fraction", "0", 0, "0"),
    ],
)
def test_what_is_typed_is_set(controls, name, typed, value, shown) -> None:
    _type(controls.fields[name], typed)
    assert controls.fields[name].text() == shown
    assert TrainingSettings(**controls.values()) == TrainingSettings(**{name: value}, iterations=0)


def test_what_is_being_typed_counts(controls) -> None:
    controls.fields["learning_rate"].selectAll()
    QTest.keyClicks(controls.fields["learning_rate"], "1e-5")
    assert controls.values()["learning_rate"] == 1e-5


@pytest.mark.parametrize(
    ("name", "typed", "sentence"),
    [
        ("learning_rate", "0", "learning_rate must be a number above 0 and finite, but is 0."),
        ("learning_rate", "nan", "learning_rate must be a number above 0 and finite, but is nan."),
        (
            "learning_rate",
            "1e400",
            "learning_rate must be a number above 0 and finite, but is inf.",
        ),
        ("dropout", "1", "dropout must be a number of at least 0 and below 1, but is 1."),
        (
            "validation_fraction",
            "0.6",
            "validation_fraction must be a number from 0 to 0.5, but is 0.6.",
        ),
        ("dropout", "half", "Dropout must be a number, but 'half' is none."),
    ],
)
def test_what_cannot_be_set_is_refused_with_a_sentence(
    controls, notes, name, typed, sentence
) -> None:
    before = controls.fields[name].text()
    _type(controls.fields[name], typed)
    assert controls.fields[name].text() == before
    assert TrainingSettings(**controls.values()) == TrainingSettings(iterations=0)
    assert sentence in "\n".join(notes())
