"""Export and measure: from a layer to a file, or to the table that napari shows of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from napari.layers import Labels, Layer

from napari_fcn_crf.results.export.export import Export
from napari_fcn_crf.results.export.measurements import Table, classes_table, objects_table
from napari_fcn_crf.results.export.table import write_result
from napari_fcn_crf.ui.session.notices import tell
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.viewer.layer_result import result_of


def export(session: Session, layer: Layer, export: Export, path: Path) -> None:
    """Write a layer's labels or probabilities as a file of other programs.

    Raises
    ------
    ValueError
        If it holds none, or the file is one that a layer was opened from.
    """
    for other in session.viewer.layers:
        opened = other.source.path
        if opened is not None and Path(opened).absolute() == path.absolute():
            raise ValueError(
                f"'{other.name}' was opened from {path.name}, which would be replaced. Choose "
                "another name."
            )
    result = result_of(layer, session.viewer, session.class_names.of)

    def work(on_progress: object) -> None:
        write_result(result, path, export)

    session.runner.run(
        "export",
        f"Writing {path.name}",
        work,
        lambda: None,
        lambda _: tell(f"Wrote {path.name} of '{layer.name}'."),
    )


def measure(session: Session, layer: Layer) -> None:
    """Put what can be measured into the layer's table of features.

    Of objects a row each, of classes as well; napari's status bar shows it under the mouse, and
    Layers > Visualize > Features table widget shows all of it.

    Raises
    ------
    ValueError
        If the layer is not one of labels.
    """
    if not isinstance(layer, Labels):
        raise ValueError(
            f"A table is of labels, but '{layer.name}' holds probabilities. Choose predicted or "
            "refined labels."
        )
    result = result_of(layer, session.viewer, session.class_names.of)
    # Of this moment: somebody may go on painting.
    picture = replace(result.picture, array=np.array(result.picture.array))
    result = replace(result, picture=picture)

    def work(on_progress: object) -> Table:
        if result.meaning == "objects":
            table = objects_table(result)
            return _indexed(table, "label", table.get("class_name", []))
        table = classes_table(result)
        return _indexed(table, "class", table["class_name"])

    def keep(table: Table) -> None:
        if layer in session.viewer.layers:
            layer.features = table
            tell(
                f"Measured '{layer.name}': see Layers > Visualize > Features table widget, or "
                "napari's status bar."
            )

    session.runner.run("export", "Measuring", work, lambda: None, keep)


def _indexed(table: Table, key: str, names: list[str]) -> Table:
    """Return a table as napari finds the rows of labels in it, with the names of classes."""
    rest = {
        name: values for name, values in table.items() if name not in (key, "class", "class_name")
    }
    return {"index": table[key], **({"class": names} if names else {}), **rest}
