"""What comes out of a file stays one short line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fcn_crf.quoting import printable, quoted


@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=200), st.integers(5, 80))
def test_nothing_moves_a_cursor_and_nothing_is_long(text: str, longest: int) -> None:
    assert len(quoted(text, longest)) <= longest
    assert quoted(text, longest).isprintable()
    assert printable(text).isprintable()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cell ä 細胞.tif", "cell ä 細胞.tif"),
        ("a\x1b[31mred", "a?[31mred"),
        ("two\r\nlines", "two  lines"),
        ("\u202efig", "?fig"),
        ("\udcff", "?"),
        ("x" * 1000 + ".tif", "x" * 30 + "…" + "x" * 25 + ".tif"),
    ],
)
def test_what_is_shown(text: str, expected: str) -> None:
    assert quoted(text) == expected
