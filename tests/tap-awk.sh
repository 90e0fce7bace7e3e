#!/bin/sh
# tap-awk.sh: the awk that make check reads TAP with, after a correction.
#
# cmocka says "not ok 1 # SKIP name" of a test that it skips, which counts as
# a failure; and it is the name of the test that it says.

set -u
sed 's/^not ok \([0-9][0-9]*\) # SKIP \(.*\)/ok \1 - \2 # SKIP cmocka/' |
	${TAP_AWK:-awk} "$@"
