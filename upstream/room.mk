# room.mk: upstream/, the home of libcurl.

noinst_LIBRARIES += upstream/libfarebox-upstream.a
upstream_libfarebox_upstream_a_SOURCES = \
	upstream/answer.c upstream/answer_private.h \
	upstream/call.c upstream/call.h upstream/call_private.h \
	upstream/choice.c upstream/choice.h \
	upstream/give.c upstream/heed.c upstream/receive.c upstream/setup.c \
	upstream/output_scan.c upstream/output_scan.h \
	upstream/sse.c upstream/sse.h \
	upstream/stream_scan.c upstream/stream_scan.h \
	upstream/usage_scan.c upstream/usage_scan.h \
	upstream/wait.c

check_PROGRAMS += tests/unit/usage_scan
tests_unit_usage_scan_SOURCES = tests/unit/usage_scan.c
tests_unit_usage_scan_LDADD = upstream/libfarebox-upstream.a \
	base/libfarebox-base.a $(UPSTREAM_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
TESTS += tests/unit/usage_scan

check_PROGRAMS += tests/unit/choice
tests_unit_choice_SOURCES = tests/unit/choice.c
tests_unit_choice_LDADD = $(tests_unit_usage_scan_LDADD)
TESTS += tests/unit/choice

check_PROGRAMS += tests/unit/sse
tests_unit_sse_SOURCES = tests/unit/sse.c
tests_unit_sse_LDADD = $(tests_unit_usage_scan_LDADD)
TESTS += tests/unit/sse

check_PROGRAMS += tests/unit/stream_scan
tests_unit_stream_scan_SOURCES = tests/unit/stream_scan.c
tests_unit_stream_scan_LDADD = $(tests_unit_usage_scan_LDADD)
TESTS += tests/unit/stream_scan

upstream_world = tests/upstream/world.c tests/upstream/world.h \
	tests/upstream/server.c tests/upstream/server.h

check_PROGRAMS += tests/upstream/call
tests_upstream_call_SOURCES = tests/upstream/call.c $(upstream_world)
tests_upstream_call_LDADD = $(tests_unit_usage_scan_LDADD)
TESTS += tests/upstream/call

check_PROGRAMS += tests/upstream/give
tests_upstream_give_SOURCES = tests/upstream/give.c $(upstream_world)
tests_upstream_give_LDADD = $(tests_unit_usage_scan_LDADD)
TESTS += tests/upstream/give

check_PROGRAMS += tests/upstream/limits
tests_upstream_limits_SOURCES = tests/upstream/limits.c $(upstream_world)
tests_upstream_limits_LDADD = $(tests_unit_usage_scan_LDADD)
TESTS += tests/upstream/limits

check_PROGRAMS += tests/upstream/stream
tests_upstream_stream_SOURCES = tests/upstream/stream.c $(upstream_world)
tests_upstream_stream_LDADD = $(tests_unit_usage_scan_LDADD)
TESTS += tests/upstream/stream

check_PROGRAMS += tests/upstream/heed
tests_upstream_heed_SOURCES = tests/upstream/heed.c $(upstream_world)
tests_upstream_heed_LDADD = $(tests_unit_usage_scan_LDADD)
TESTS += tests/upstream/heed

EXTRA_DIST += tests/upstream/odd.py tests/upstream/goodbye.py \
	tests/fuzz/usage_scan.c tests/fuzz/sse.c tests/fuzz/stream_scan.c
