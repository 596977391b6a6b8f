"""Enabling of controls: one that cannot be used says why."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_fcn_crf.ui.session.session import Session


def enable(session: Session, widget: QWidget, tip: str, missing: str = "") -> None:
    """Enable a control unless something is missing or under way, which its tooltip then says.

    Parameters
    ----------
    session : Session
    widget : QWidget
    tip : str
        What it does.
    missing : str
        What has to be done before; empty if nothing has.
    """
    activity = session.runner.activity
    if activity is not None and not missing:
        missing = f"{activity.title} is still running."
    widget.setEnabled(not missing)
    widget.setToolTip(missing or tip)
