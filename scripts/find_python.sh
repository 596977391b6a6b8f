#!/bin/sh
# Print the first Python that TensorFlow has packages for. PYTHON, if set, is the only candidate.
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
        2>/dev/null; then
        echo "$candidate"
        exit 0
    fi
done
found=$("${PYTHON:-python3}" --version 2>/dev/null || true)
echo "napari-fcn-crf needs Python 3.11, 3.12 or 3.13, but found: ${found:-none}." >&2
echo "Install one of them and name it: make PYTHON=/path/to/python3.12 demo" >&2
exit 1
