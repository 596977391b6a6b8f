"""Commands run in this process, which has Keras loaded already."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

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


@contextmanager
def kept_environment() -> Iterator[None]:
    """Take back what a command sets for its process to compute with, as this one goes on."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def carry_out(arguments: Sequence[object], capfd: pytest.CaptureFixture[str]) -> str:
    """Run a command that must succeed without a warning; return what it printed."""
    with kept_environment():
        code = main([str(argument) for argument in arguments])
    out, error = capfd.readouterr()
    assert (code, error) == (0, "")
    return out
