#!/bin/sh
# bank_cgi.sh: tellers killed at random.
# See bank.c. FAREBOX_LONG makes it long.
if [ -n "${FAREBOX_LONG-}" ]; then kills=2000; else kills=60; fi
exec "$top_builddir/tests/store/bank" --kills "$kills" --cgi
