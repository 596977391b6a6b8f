"""`python -m napari_fcn_crf`, which is the command `napari-fcn-crf`."""

import os
import signal
import sys

from napari_fcn_crf.cli.interrupt import STOPPED, leave_on_interrupt


def run() -> None:
    """Run the command and leave with its exit code."""
    leave_on_interrupt()
    from napari_fcn_crf.cli.main import main

    code = main()
    if code == STOPPED:
        # No thread of a library is worth waiting for now.
        os._exit(code)
    # All is done and said; the interpreter's own end takes a moment.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


if __name__ == "__main__":
    run()
