"""Options for where the network runs, and the start of its backend."""

from __future__ import annotations

import argparse

from napari_fcn_crf.cli.options import add_settings, read_settings
from napari_fcn_crf.cli.progress_bar import progress_bar
from napari_fcn_crf.compute.allocation import keep_freed_memory
from napari_fcn_crf.compute.child import backend
from napari_fcn_crf.compute.environment import BACKEND_TITLES
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.settings import ComputeSettings


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    names = ("device", "backend", "memory_growth", "threads")
    add_settings(parser, "device", ComputeSettings, names)


def load_backend(arguments: argparse.Namespace) -> None:
    """Load what Keras computes with, with a bar that says so."""
    settings = read_settings(arguments, ComputeSettings)
    keep_freed_memory()
    with progress_bar() as on_progress:
        on_progress(Progress(f"Starting {BACKEND_TITLES[settings.backend]}"))
        backend.load_here(settings)
