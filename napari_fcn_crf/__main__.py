"""`python -m napari_fcn_crf`: the same as the command `napari-fcn-crf`."""

import sys

from napari_fcn_crf.cli import main

if __name__ == "__main__":
    sys.exit(main())
