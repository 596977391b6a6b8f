"""Commands run in this process, which has Keras loaded already."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from napari_fcn_crf.cli.main import main


def refusal(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must end with exit code 2 and one line; return the line."""
    try:
        code = main(list(arguments))
    except SystemExit as ended:
        code = ended.code
    out, error = capsys.readouterr()
    assert (code, out) == (2, "")
    assert error.count("\n") == 1
    return error


def carry_out(arguments: Sequence[object], capfd: pytest.CaptureFixture[str]) -> str:
    """Run a command that must succeed without a warning; return what it printed."""
    before = dict(os.environ)
    try:
        code = main([str(argument) for argument in arguments])
    finally:
        # A command sets what its process computes with, but this one goes on.
        os.environ.clear()
        os.environ.update(before)
    out, error = capfd.readouterr()
    assert (code, error) == (0, "")
    return out
