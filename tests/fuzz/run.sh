#!/bin/sh
# run.sh: builds every harness of this directory and runs it for a while.
#
# A harness names the sources it needs in its first comment. FAREBOX_LONG
# makes this five times as long. The seeds of libFuzzer are random; what it
# finds is shown in base64.

set -u

: "${top_srcdir:=$(dirname "$0")/../..}"
if [ -n "${FAREBOX_LONG-}" ]; then runs=1000000; else runs=200000; fi

here=$top_srcdir/tests/fuzz
clang=${FUZZ_CC:-clang}
flags='-std=gnu11 -D_GNU_SOURCE -g -O1 -fno-omit-frame-pointer'
flags="$flags -fsanitize=address,undefined -fno-sanitize-recover=all"
work=$(mktemp -d "${TMPDIR:-/tmp}/farebox-fuzz.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# sources HARNESS: the files its first comment names, besides itself.
sources() {
	sed '/\*\//q' "$1" | grep -Eo '\b(base|upstream)/[a-z0-9_]+\.c\b' |
		sort -u | sed "s|^|$top_srcdir/|"
}

# build HARNESS PROGRAM
build() {
	# shellcheck disable=SC2046,SC2086
	"$clang" $flags -fsanitize=fuzzer -I"$top_srcdir" -o "$2" "$1" \
		$(sources "$1") ${LINK_BASE_LIBS:--ljansson} \
		>"$work/log" 2>&1
}

# Something to begin with. Four bytes of a seed go before a stream.
make_corpus() {
	mkdir "$work/corpus"
	chunk='{"id":"c","object":"chat.completion.chunk","created":1'
	chunk="$chunk,\"model\":\"m\",\"choices\":[{\"index\":0"
	usage='"usage":{"prompt_tokens":9,"completion_tokens":12'
	usage="$usage,\"total_tokens\":21}"
	delta='"delta":{"role":"assistant","content":"word"}'
	stop='"delta":{},"finish_reason":"stop"'
	printf '%s' "$chunk,$delta}],$usage}" >"$work/corpus/object"
	{
		printf '1234data: %s\n\n' "$chunk,$delta}],\"usage\":null}"
		printf 'data: %s\n\n' "$chunk,$stop}],\"usage\":null}"
		printf 'data: {"choices":[],%s}\n\n' "$usage"
		printf 'data: [DONE]\n\n'
	} >"$work/corpus/stream"
	printf '%s\r\n' '1234: hi' '' 'event: x' 'id: 1' data:a 'data: b' '' \
		>"$work/corpus/lines"
	field='Content-Disposition: form-data; name='
	printf '%s\r\n' "1234--xY" "${field}model" '' m "--xY" \
		"${field}\"file\"; filename=\"a.mp3\"" 'X: y' '' 'ID3' \
		'--xY--' >"$work/corpus/form"
	printf '1234multipart/form-data; boundary="xY"' >"$work/corpus/type"
	printf '1234data: {"error":{"message":"m","code":502}}\n\n' \
		>"$work/corpus/error"
}

# show NAME: what went wrong, and the input that shows it.
show() {
	tail -n 40 "$work/log" | sed 's/^/# /'
	for input in "$work"/found-*; do
		[ -e "$input" ] || continue
		echo "# base64 of an input for $1:"
		base64 "$input" | sed 's/^/# /'
		rm -f "$input"
	done
}

# fuzz PROGRAM: a bounded number of runs, each bounded in time and memory.
fuzz() {
	cp -r "$work/corpus" "$work/grown"
	"$1" -runs="$runs" -max_len=2048 -timeout=20 -rss_limit_mb=1024 \
		-dict="$here/tokens.dict" -artifact_prefix="$work/found-" \
		-print_final_stats=1 "$work/grown" >"$work/log" 2>&1
	status=$?
	rm -rf "$work/grown"
	return $status
}

command -v "$clang" >/dev/null || skip_all 'clang is not installed'
printf '#include <stddef.h>
int LLVMFuzzerTestOneInput(const char *data, size_t size);
int LLVMFuzzerTestOneInput(const char *data, size_t size)
{ return data && size > 9 && data[9] == 9; }\n' >"$work/try.c"
# shellcheck disable=SC2086
{ "$clang" $flags -fsanitize=fuzzer -o "$work/try" "$work/try.c" &&
	"$work/try" -runs=10; } >"$work/log" 2>&1 ||
	skip_all 'clang has no libFuzzer (Debian: libclang-rt-14-dev)'

make_corpus
count=0
failed=0
set -- "$here"/*.c
echo "1..$#"
for harness in "$@"; do
	count=$((count + 1))
	name=$(basename "$harness" .c)
	if build "$harness" "$work/$name" && fuzz "$work/$name"; then
		echo "ok $count - $name"
		sed -n 's/^stat::number_of_executed_units: */# runs: /p' \
			"$work/log"
	else
		failed=1
		echo "not ok $count - $name"
		show "$name"
	fi
done
exit $failed
