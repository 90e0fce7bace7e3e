#!/bin/sh
# answer.sh: what lighttpd itself answers, as JSON; see farebox-common.conf.
#
# A CGI program, because only that can set headers. lighttpd keeps the status,
# and tells it in REDIRECT_STATUS; a file is there for each that it has.

page=${0%/*}/$REDIRECT_STATUS.html
[ -r "$page" ] || REDIRECT_STATUS=404 page=${0%/*}/404.html
printf '%s\r\n' "Status: $REDIRECT_STATUS" 'Content-Type: application/json' \
	'Cache-Control: no-store' 'Access-Control-Allow-Origin: *' \
	'Access-Control-Expose-Headers: retry-after'
case $REDIRECT_STATUS in
502 | 503 | 504) printf 'Retry-After: 2\r\n' ;;
esac
printf '\r\n'
exec cat "$page"
