#!/bin/sh
# See that the system has what pip cannot install; on Debian or Ubuntu as root, install it.
#
# usage: system_packages.sh PYTHON PART...
#   venv      what `python -m venv` needs
#   compiler  what pydensecrf2, the tests' reference, is compiled with
#   display   a screen for napari on a machine without one, and the libraries Qt needs
set -eu
python=$1
shift

version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
missing=""

need() { # PACKAGE COMMAND...: the package is missing unless the command succeeds
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

has_library() {
    { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep -qF "$1"
}

for part in "$@"; do
    case $part in
    venv)
        need "python$version-venv" "$python" -c 'import ensurepip, venv'
        ;;
    compiler)
        need g++ sh -c 'command -v c++ || command -v g++'
        need "python$version-dev" "$python" -c \
            'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")'
        ;;
    display)
        # macOS has a screen and brings the libraries.
        [ "$(uname -s)" = Linux ] || continue
        need xvfb command -v xvfb-run
        need xauth command -v xauth
        need libegl1 has_library libEGL.so.1
        need libdbus-1-3 has_library libdbus-1.so.3
        need libfontconfig1 has_library libfontconfig.so.1
        need libglib2.0-0 has_library libglib-2.0.so.0
        need libxcb-cursor0 has_library libxcb-cursor.so.0
        need libxcb-icccm4 has_library libxcb-icccm.so.4
        need libxcb-keysyms1 has_library libxcb-keysyms.so.1
        need libxcb-shape0 has_library libxcb-shape.so.0
        need libxkbcommon-x11-0 has_library libxkbcommon-x11.so.0
        ;;
    *)
        echo "expected venv, compiler or display, but found: $part" >&2
        exit 2
        ;;
    esac
done

[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "The system lacks what Debian calls:$missing. Install them, then run make again." >&2
    exit 1
fi
install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" != 0 ]; then
    echo "System packages are missing. Install them, then run make again:" >&2
    echo "    sudo $install" >&2
    exit 1
fi
echo "Installing system packages:$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# Quiet unless it fails. A stale list of packages may do, so only the installation decides.
if ! { apt-get update || true; $install; } >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
rm -f "$log"
