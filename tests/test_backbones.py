"""Backbones are offered and named by one table."""

from typing import get_args

import pytest

from napari_fcn_crf.backbones import BACKBONES
from napari_fcn_crf.cli.main import main
from napari_fcn_crf.settings import Backbone, TrainingSettings


def test_each_that_can_be_chosen_is_in_the_table_in_the_same_order() -> None:
    assert tuple(BACKBONES) == get_args(Backbone)
    assert TrainingSettings().backbone == next(iter(BACKBONES))


def test_the_command_line_says_what_each_is_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else lines may break within a title.
    monkeypatch.setenv("COLUMNS", "10000")
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    said = capsys.readouterr().out
    for variant in BACKBONES.values():
        assert f"{variant.title}: {variant.tip}" in said
