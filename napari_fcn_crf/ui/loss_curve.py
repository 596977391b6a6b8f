"""The training loss as a curve, while it falls."""

from __future__ import annotations

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from napari.utils.theme import get_theme
from qtpy.QtCore import QTimer

from napari_fcn_crf.ui.session import Session

_HEIGHT_PX = 130
_REDRAW_MS = 250


class LossCurve(FigureCanvasQTAgg):
    """Loss against iteration, redrawn a few times a second at most."""

    def __init__(self, session: Session) -> None:
        super().__init__(Figure(layout="constrained"))
        self._session = session
        self._steps: list[int] = []
        self._losses: list[float] = []
        self.setFixedHeight(_HEIGHT_PX)
        self.setMinimumWidth(100)
        self._axes = self.figure.add_subplot()
        (self._line,) = self._axes.plot([], [], linewidth=1.5)
        self._redraw = QTimer(self, singleShot=True, interval=_REDRAW_MS)
        self._redraw.timeout.connect(self._draw)
        self._apply_theme()
        session.viewer.events.theme.connect(self._apply_theme)
        self.hide()

    def clear(self) -> None:
        """Forget the last run."""
        self._steps, self._losses = [], []

    def append(self, step: int, loss: float) -> None:
        """Add the loss of one iteration."""
        self._steps.append(step)
        self._losses.append(loss)
        if not self._redraw.isActive():
            self._redraw.start()

    def update_curve(self) -> None:
        """Show the current model's losses where no run is under way."""
        model = self._session.model
        if self._session.activity is None and model is not None:
            self._losses = list(model.card.losses)
            self._steps = list(range(1, len(self._losses) + 1))
            self._draw()

    def _draw(self) -> None:
        self.setVisible(len(self._losses) > 1)
        self._line.set_data(self._steps, self._losses)
        self._axes.relim()
        self._axes.autoscale_view()
        self._axes.set_ylim(bottom=0)
        self.draw_idle()

    def _apply_theme(self, event: object = None) -> None:
        theme = get_theme(self._session.viewer.theme)
        background, text = theme.background.as_hex(), theme.text.as_hex()
        self.figure.set_facecolor(background)
        axes = self._axes
        axes.set_facecolor(background)
        axes.set_xlabel("iteration", color=text, fontsize=8)
        axes.set_ylabel("loss", color=text, fontsize=8)
        axes.tick_params(colors=text, labelsize=7)
        for spine in axes.spines.values():
            spine.set_color(theme.foreground.as_hex())
        self._line.set_color(theme.current.as_hex())
        self.draw_idle()
