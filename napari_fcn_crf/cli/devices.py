"""The command `devices`."""

from __future__ import annotations

import argparse

from napari_fcn_crf.cli.command import Command
from napari_fcn_crf.cli.options import add_settings, read_settings
from napari_fcn_crf.quoting import say
from napari_fcn_crf.settings import ComputeSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add_settings(parser, "backend", ComputeSettings, ("backend", "interpreter"))


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from napari_fcn_crf.compute.devices import list_devices

    for device in list_devices(read_settings(arguments, ComputeSettings)):
        free = "" if device.free_bytes is None else f"{device.free_bytes / 2**30:.1f} GiB free"
        say(f"{device.name:8}{device.label:40}{free}".rstrip())


COMMAND = Command("devices", "list what can compute", add_arguments, run)
