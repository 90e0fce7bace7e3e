#!/bin/sh
# linkage.sh: each room's archive links with nothing but what it may use.

set -u
cd "${top_builddir:?is set by make check}" || exit 99
: "${LINK_CC:?is set by make check}"

dir=$(mktemp -d "${TMPDIR:-/tmp}/farebox-linkage.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT
trap 'exit 99' HUP INT TERM
count=0

base=base/libfarebox-base.a
db=db/libfarebox-db.a
upstream=upstream/libfarebox-upstream.a
handlers=handlers/libfarebox-handlers.a
fcgi=fcgi/libfarebox-fcgi.a

echo 'int main(void) { return 0; }' >"$dir/main.c"

# Links all of one archive with what else is named.
link() {
	whole=$1
	shift
	# shellcheck disable=SC2086
	$LINK_CC -o "$dir/a.out" "$dir/main.c" -Wl,--whole-archive \
		"$whole" -Wl,--no-whole-archive "$@" >"$dir/log" 2>&1
}

# check EXPECTED NAME COMMAND...: one TAP line, with the linker's words.
check() {
	count=$((count + 1))
	expected=$1
	name=$2
	shift 2
	if "$@"; then got=links; else got=fails; fi
	if [ "$got" = "$expected" ]; then
		echo "ok $count - $name"
	else
		echo "not ok $count - $name"
		sed 's/^/# /' "$dir/log" | head -n 30
	fi
}

echo 1..7
# shellcheck disable=SC2086
{
	check links "base uses its libraries only" \
		link $base $LINK_BASE_LIBS
	check fails "a missing library is noticed" \
		link $base
	check links "db uses base only" \
		link $db $base $LINK_BASE_LIBS $LINK_DB_LIBS
	check links "upstream uses base only" \
		link $upstream $base $LINK_BASE_LIBS $LINK_UPSTREAM_LIBS
	check links "handlers use db, upstream and base" \
		link $handlers $db $upstream $base \
		$LINK_BASE_LIBS $LINK_DB_LIBS $LINK_UPSTREAM_LIBS
	check fails "handlers without their rooms are noticed" \
		link $handlers $base \
		$LINK_BASE_LIBS $LINK_DB_LIBS $LINK_UPSTREAM_LIBS
	check links "fcgi uses all rooms but admin" \
		link $fcgi $handlers $db $upstream $base $LINK_BASE_LIBS \
		$LINK_DB_LIBS $LINK_UPSTREAM_LIBS $LINK_FCGI_LIBS
}
