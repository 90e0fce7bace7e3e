# tests/room.mk: the tests that are scripts, and what goes with them.

style_tests = \
	tests/style/layers.py \
	tests/style/linkage.sh \
	tests/style/format.py \
	tests/style/shellcheck.py \
	tests/style/architecture.py \
	tests/style/dist.py \
	tests/style/manuals.py \
	tests/style/documents.py

# Behind real web servers; fcgi/room.mk has those that need none.
http_tests = \
	tests/http/auth_test.py \
	tests/http/body_test.py \
	tests/http/breaker_test.py \
	tests/http/chat_test.py \
	tests/http/endpoints_test.py \
	tests/http/fault_test.py \
	$(hosting_tests) \
	tests/http/http2_test.py \
	tests/http/kill_test.py \
	tests/http/kinds_test.py \
	tests/http/limit_test.py \
	tests/http/memory_test.py \
	tests/http/quickstart_test.py \
	tests/http/race_test.py \
	tests/http/routes_test.py \
	tests/http/stream_test.py \
	tests/http/web_server_test.py
hosting_tests = \
	tests/http/hosting_test_apache.py \
	tests/http/hosting_test_apache_fcgid.py \
	tests/http/hosting_test_apache_reuse.py \
	tests/http/hosting_test_cgi.py \
	tests/http/hosting_test_lighttpd_sockets.py \
	tests/http/hosting_test_lighttpd_spawn.py \
	tests/http/hosting_test_nginx.py
http_test_parts = \
	tests/http/farebox_test.py \
	tests/http/hosting_cases.py \
	tests/http/hosting_fixture.py \
	tests/http/stream_client.py \
	tests/http/upstream.py \
	tests/http/upstream_answers.py \
	tests/http/upstream_faults.py \
	tests/http/upstream_http.py

# The official SDKs, from npm and PyPI; without a network they are skipped.
sdk_tests = tests/sdk/node_test.py tests/sdk/python_test.py \
	tests/sdk/stream_test.py
sdk_test_parts = \
	tests/sdk/calls.mjs tests/sdk/calls.py tests/sdk/sdk_fixture.py \
	tests/sdk/streams.mjs

TESTS += $(http_tests) $(sdk_tests) $(style_tests)
EXTRA_DIST += $(http_tests) $(http_test_parts) $(sdk_tests) $(sdk_test_parts) \
	tests/fuzz/json_edit.c tests/fuzz/json_view.c
EXTRA_DIST += $(style_tests) tests/style/style.py tests/nocmocka/cmocka.h \
	tests/bound.sh tests/tap-awk.sh tests/valgrind.supp

TESTS += tests/fuzz/run.sh
EXTRA_DIST += tests/fuzz/run.sh tests/fuzz/tokens.dict

# What linkage.sh links with: the flags of this build.
LINK_ENVIRONMENT = \
	LINK_CC='$(CC) $(AM_CFLAGS) $(CFLAGS) $(AM_LDFLAGS) $(LDFLAGS)'; \
	LINK_BASE_LIBS='$(BASE_LIBS)'; LINK_DB_LIBS='$(DB_ALL_LIBS)'; \
	LINK_UPSTREAM_LIBS='$(UPSTREAM_LIBS)'; LINK_FCGI_LIBS='$(FCGI_LIBS)'; \
	export LINK_CC LINK_BASE_LIBS LINK_DB_LIBS LINK_UPSTREAM_LIBS; \
	export LINK_FCGI_LIBS;
