"""Loss curve while the training goes on, and IoU where annotation is held out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from napari.utils.theme import get_theme
from qtpy.QtGui import QResizeEvent

from napari_fcn_crf.progress import Progress
from napari_fcn_crf.ui.actions.training_input import summary_of_labels
from napari_fcn_crf.ui.session.lifetime import follow
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import one_shot

_HEIGHT_PX = 130
_REDRAW_MS = 500
_TICKS = 4
_ABOVE = 1.05

# Fixed, in points: to measure all texts at each redraw takes longer than to draw them.
_LEFT, _RIGHT, _BOTTOM, _TOP = 40, 32, 26, 6


class TrainingCurve(FigureCanvasQTAgg):
    """Loss, and each class's held-out IoU in its label's colour, against iteration."""

    def __init__(self, session: Session) -> None:
        super().__init__(Figure())
        self._session = session
        self._steps: list[int] = []
        self._losses: list[float] = []
        self._measured: dict[int, tuple[float, ...]] = {}
        self.setFixedHeight(_HEIGHT_PX)
        self.setMinimumWidth(100)
        self._axes = self.figure.add_subplot()
        self._iou_axes = self._axes.twinx()
        self._iou_axes.set_ylim(0, _ABOVE)
        self._iou_axes.set_yticks([0, 0.5, 1])
        self._iou_axes.set_visible(False)
        self._axes.locator_params(nbins=_TICKS)
        self._shown: tuple[object, ...] = ()
        (self._line,) = self._axes.plot([], [], linewidth=1.5)
        self._redraw = one_shot(self, _REDRAW_MS, self._draw)
        self._apply_theme()
        follow(session.viewer.events.theme, self._apply_theme)
        self.hide()

    def clear(self) -> None:
        """Forget the last run."""
        self._steps, self._losses, self._measured = [], [], {}

    def append(self, latest: Progress) -> None:
        """Add what one iteration told."""
        if latest.loss is None:
            return
        self._steps.append(len(self._steps) + 1)
        self._losses.append(latest.loss)
        if latest.validation_iou is not None:
            self._measured[len(self._steps)] = latest.validation_iou
        if not self._redraw.isActive():
            self._redraw.start()

    def update_curve(self) -> None:
        """Show the current model's losses where no run is under way."""
        model = self._session.models.model
        if self._session.runner.activity is None and model is not None:
            self._losses = list(model.card.losses)
            self._steps = list(range(1, len(self._losses) + 1))
            if self._shown != self._content():
                self._draw()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the texts their room, whatever the width."""
        super().resizeEvent(event)
        width, height = (72 * inches for inches in self.figure.get_size_inches())
        if width > _LEFT + _RIGHT and height > _BOTTOM + _TOP:
            self.figure.subplots_adjust(
                left=_LEFT / width,
                right=1 - _RIGHT / width,
                bottom=_BOTTOM / height,
                top=1 - _TOP / height,
            )

    def _content(self) -> tuple[object, ...]:
        return tuple(self._losses), tuple(self._measured.items())

    def _draw(self) -> None:
        self._shown = self._content()
        self.setVisible(len(self._losses) > 1)
        self._line.set_data(self._steps, self._losses)
        # All of it, of whichever run: to set one end of an axis is to leave the other as it was.
        self._axes.set_xlim(1, max(2, len(self._steps)))
        finite = [loss for loss in self._losses if math.isfinite(loss)]
        self._axes.set_ylim(0, _ABOVE * max(finite, default=1) or 1)
        self._draw_iou()
        self.draw_idle()

    def _draw_iou(self) -> None:
        for line in list(self._iou_axes.lines):
            line.remove()
        self._iou_axes.set_visible(bool(self._measured))
        if not self._measured:
            return
        steps = list(self._measured)
        table = np.array([self._measured[step] for step in steps])
        for (name, colour), column in zip(self._classes(table.shape[1]), table.T, strict=True):
            self._iou_axes.plot(
                steps,
                column,
                marker=".",
                linewidth=1.5,
                color=colour,
                label=f"{name}: IoU {column[-1]:.2f}",
            )
        self._legend()

    def _legend(self) -> None:
        theme = get_theme(self._session.viewer.theme)
        legend = self._iou_axes.legend(
            loc="center right",
            fontsize=7,
            labelcolor=theme.text.as_hex(),
            facecolor=theme.background.as_hex(),
            edgecolor=theme.foreground.as_hex(),
            framealpha=0.8,
        )
        legend.set_in_layout(False)

    def _classes(self, n_classes: int) -> list[tuple[str, Any]]:
        """Return each class's name and colour, as the labels layer has it."""
        session = self._session
        annotation, model = session.selection.annotation, session.models.model
        summary = summary_of_labels(session.meaning)
        values = () if summary is None else tuple(summary.counts)
        if len(values) != n_classes and model is not None:
            values = model.card.class_values
        if annotation is None or len(values) != n_classes:
            return [(f"class {at + 1}", f"C{at + 1}") for at in range(n_classes)]
        colours = [annotation.get_color(value) for value in values]
        return [
            (session.class_names.of(value), "gray" if colour is None else tuple(colour))
            for value, colour in zip(values, colours, strict=True)
        ]

    def _apply_theme(self, event: object = None) -> None:
        theme = get_theme(self._session.viewer.theme)
        background, text = theme.background.as_hex(), theme.text.as_hex()
        self.figure.set_facecolor(background)
        self._axes.set_facecolor(background)
        self._axes.set_xlabel("iteration", color=text, fontsize=8)
        self._axes.set_ylabel("loss", color=text, fontsize=8)
        self._iou_axes.set_ylabel("IoU", color=text, fontsize=8)
        for axes in (self._axes, self._iou_axes):
            axes.tick_params(colors=text, labelsize=7)
            for spine in axes.spines.values():
                spine.set_color(theme.foreground.as_hex())
        self._line.set_color(text)
        self.draw_idle()
