#!/bin/sh
# bound.sh: runs one test, for so long at most, and ends what it leaves behind.
#
# usage: bound.sh SECONDS COMMAND...
# What is left behind would hold the pipe that the results go through, and
# make check would wait for it. timeout leads a process group of its own; where
# there is setpriv, it ends the test when this script is ended.

set -u
seconds=$1
shift
command -v timeout >/dev/null || exec "$@"

dying=
if setpriv --pdeathsig TERM true 2>/dev/null; then
	dying='setpriv --pdeathsig TERM'
fi

exec 4>&1
# shellcheck disable=SC2016,SC2086
group=$(exec $dying sh -c 'echo $$; exec timeout -k 10 "$@" >&4 4>&-' sh \
	"$seconds" "$@")
status=$?
exec 4>&-

[ $status != 124 ] || echo "# bound.sh: ended after $seconds s"
if kill -s 0 -- "-$group" 2>/dev/null; then
	echo "# bound.sh: the test left processes behind"
	kill -s TERM -- "-$group"
	tries=50
	while kill -s 0 -- "-$group" 2>/dev/null && [ $tries != 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
	kill -s KILL -- "-$group" 2>/dev/null
fi
exit $status
