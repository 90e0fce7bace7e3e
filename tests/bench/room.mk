# room.mk: tests/bench/, what `make bench` measures with, and its tests.

bench_programs = tests/bench/load tests/bench/upstream tests/bench/fill \
	tests/bench/insides
bench_tests = tests/bench/counts_test.py tests/bench/growth_test.py \
	tests/bench/smoke_test.py tests/bench/soak_test.py
check_PROGRAMS += $(bench_programs)
TESTS += $(bench_tests)
EXTRA_DIST += contrib/bench $(bench_tests) \
	tests/bench/counts.py \
	tests/bench/growth.py \
	tests/bench/machine.py \
	tests/bench/report.py \
	tests/bench/soak.py \
	tests/bench/subjects.py \
	tests/bench/watched.py \
	tests/bench/workloads.py

tests_bench_load_SOURCES = tests/bench/load.c \
	tests/bench/client.c tests/bench/client.h \
	tests/bench/histogram.c tests/bench/histogram.h
tests_bench_upstream_SOURCES = tests/bench/upstream.c
tests_bench_fill_SOURCES = tests/bench/fill.c
tests_bench_fill_LDADD = db/libfarebox-db.a base/libfarebox-base.a \
	$(BASE_LIBS) $(DB_ALL_LIBS)
tests_bench_insides_SOURCES = tests/bench/insides.c
tests_bench_insides_LDADD = db/libfarebox-db.a base/libfarebox-base.a \
	$(DB_ALL_LIBS) $(BASE_LIBS)

# About seven minutes; BENCH_FLAGS are those of contrib/bench. --soak makes it
# an hour, and something else.
BENCH_FLAGS =
bench: farebox farebox.fcgi $(bench_programs)
	$(PYTHON3) $(top_srcdir)/contrib/bench --build $(abs_top_builddir) \
		$(BENCH_FLAGS)

.PHONY: bench
