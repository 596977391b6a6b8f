"""What is to be pressed next can be read in every theme of napari's."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from napari.utils.theme import available_themes, get_theme
from qtpy.QtCore import QPoint, QRect
from superqt import QCollapsible

from napari_fcn_crf.ui.viewer.themes import contrast, highlight_style, text_on


def test_contrast_is_that_of_the_guidelines():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.478, abs=1e-3)


@pytest.mark.parametrize("name", [name for name in available_themes() if name != "system"])
def test_the_highlighted_button_can_be_read(name):
    ground = get_theme(name).current.as_rgb_tuple()
    text = text_on(ground)
    assert contrast(ground, [int(text[at : at + 2], 16) for at in (1, 3, 5)]) >= 4.5
    assert f"color: {text}" in highlight_style(SimpleNamespace(theme=name))


def test_what_is_open_looks_like_no_button_and_its_arrow_is_seen(viewer, panel, qtbot):
    section = next(one for one in panel.findChildren(QCollapsible) if one.text() == "More images")
    section.expand(animate=False)
    window, button = viewer.window._qt_window, section.toggleButton()
    window.show()
    for name in ("dark", "light", "dark"):
        viewer.theme = name
        qtbot.wait(50)
        theme = get_theme(name)
        place = QRect(button.mapTo(window, QPoint(0, 0)), button.size())
        drawn = window.grab(place).toImage()
        colours = {
            drawn.pixelColor(column, row).getRgb()[:3]
            for column in range(button.fontMetrics().ascent())
            for row in range(drawn.height())
        }
        ground = theme.background.as_rgb_tuple()
        assert drawn.pixelColor(drawn.width() - 3, 3).getRgb()[:3] == ground
        assert max(contrast(ground, colour) for colour in colours) >= 4.5
