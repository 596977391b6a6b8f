#!/bin/sh
# Print what share of lines and branches the tests took, and name the files below a share.
#
# usage: report_coverage.sh PYTHON PERCENT
set -eu
"$1" -m coverage combine --append --quiet >/dev/null 2>&1 || true
"$1" -m coverage report | awk -v least="$2" '
    $NF !~ /%$/ { next }
    $1 == "TOTAL" { total = $NF; next }
    $NF + 0 < least { below = below sprintf("  %4s  %s\n", $NF, $1) }
    END {
        print "Of all lines and branches the tests took " total "."
        if (below) printf "Below %d %%:\n%s", least, below
        else printf "No file is below %d %%.\n", least
    }'
