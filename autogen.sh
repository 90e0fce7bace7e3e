#!/bin/sh
# autogen.sh: makes configure from a fresh clone.

set -eu
cd "$(dirname "$0")"

missing=
for tool in autoconf automake pkg-config; do
	command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
if [ -n "$missing" ]; then
	echo "autogen.sh: not found:$missing" >&2
	echo "autogen.sh: on Debian: apt-get install$missing" >&2
	exit 1
fi

exec autoreconf --force --install --warnings=all,no-portability
