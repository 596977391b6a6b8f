"""Choice of the network: architecture, backbone, and the weights it starts from."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFormLayout, QWidget

from napari_fcn_crf.backbones import BACKBONES
from napari_fcn_crf.fcn.heads.head import heads
from napari_fcn_crf.settings import BUNDLED, RANDOM
from napari_fcn_crf.ui.sections.qt_parts import item_of, label_of, row_of
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import update_after

WEIGHTS = {
    BUNDLED: ("that come with the plugin", "Learnt by us on generated images; compact only."),
    RANDOM: ("random", "Nothing is known beforehand: for many annotated images."),
}
_TIPS = {
    "Network": "What is put on top of the backbone. The first is right for most images.",
    "Backbone": "The part that sees edges, textures and shapes: thirteen layers of VGG-16.",
    "Weights": "What the backbone knows before it has seen your images.",
}
_TOOLTIP = Qt.ItemDataRole.ToolTipRole


class NetworkChoice(QWidget):
    """Three combo boxes, which show the session's choice and change it."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.architecture = _combo(
            {name: (head.title, head.description) for name, head in heads().items()}
        )
        self.backbone = _combo({name: (one.title, one.tip) for name, one in BACKBONES.items()})
        self.weights = _combo(WEIGHTS)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        for title, combo in zip(
            _TIPS, (self.architecture, self.backbone, self.weights), strict=True
        ):
            form.addRow(title, combo)
            label_of(form, combo).setToolTip(_TIPS[title])
        self.update_choices()
        self.architecture.currentIndexChanged.connect(self._on_architecture_chosen)
        self.backbone.currentIndexChanged.connect(self._on_backbone_chosen)
        self.weights.currentIndexChanged.connect(self._on_weights_chosen)
        update_after(
            self.update_choices,
            session.choices.training_changed,
            session.models.weights_changed,
        )

    def update_choices(self) -> None:
        """Show what is chosen, and the weights file there is."""
        chosen = self._session.choices.training
        for combo in (self.architecture, self.backbone, self.weights):
            combo.blockSignals(True)
        self._offer_file()
        self.architecture.setCurrentIndex(row_of(self.architecture, chosen["architecture"]))
        self.backbone.setCurrentIndex(row_of(self.backbone, chosen["backbone"]))
        self.weights.setCurrentIndex(row_of(self.weights, chosen["weights"]))
        is_compact = chosen["backbone"] == "vgg16-compact"
        item_of(self.weights, row_of(self.weights, BUNDLED)).setEnabled(is_compact)
        for combo in (self.architecture, self.backbone, self.weights):
            combo.blockSignals(False)

    def summary(self) -> str:
        """Return what is chosen, in a line."""
        said = f"{self.architecture.currentText()} on {self.backbone.currentText()}"
        weights = self._session.choices.training["weights"]
        if weights == BUNDLED:
            return said
        return f"{said}, {'random weights' if weights == RANDOM else self.weights.currentText()}"

    def _offer_file(self) -> None:
        while self.weights.count() > len(WEIGHTS):
            self.weights.removeItem(len(WEIGHTS))
        checked, chosen = self._session.models.weights, self._session.choices.training["weights"]
        path = checked.path if checked is not None else chosen
        if isinstance(path, Path):
            self.weights.addItem(path.name, path)
            tip = str(path) if checked is None else f"{checked.description}\n{path}"
            self.weights.setItemData(len(WEIGHTS), tip, _TOOLTIP)

    def _on_architecture_chosen(self) -> None:
        self._session.choices.choose_training(architecture=self.architecture.currentData())

    def _on_backbone_chosen(self) -> None:
        backbone = self.backbone.currentData()
        file = self.weights.itemData(len(WEIGHTS)) if self.weights.count() > len(WEIGHTS) else None
        weights = BUNDLED if backbone == "vgg16-compact" else file or RANDOM
        self._session.choices.choose_training(backbone=backbone, weights=weights)
        self.update_choices()

    def _on_weights_chosen(self) -> None:
        self._session.choices.choose_training(weights=self.weights.currentData())


def _combo(choices: dict[str, tuple[str, str]]) -> QComboBox:
    combo = QComboBox()
    for row, (value, (text, tooltip)) in enumerate(choices.items()):
        combo.addItem(text, value)
        combo.setItemData(row, tooltip, _TOOLTIP)
    return combo
