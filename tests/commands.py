"""Commands that cannot be done."""

from __future__ import annotations

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
