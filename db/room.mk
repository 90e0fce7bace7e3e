# room.mk: the store, the only room that knows Berkeley DB.
noinst_LIBRARIES += db/libfarebox-db.a
db_libfarebox_db_a_SOURCES = \
	db/account.c db/account.h \
	db/answer.c db/answer.h \
	db/backup.c db/backup.h \
	db/copy.c db/copy_private.h \
	db/environment.c \
	db/export.c db/export.h \
	db/files.c db/files.h \
	db/gate.c db/gate_line.c db/gate.h db/gate_private.h \
	db/health.c db/health.h db/health_private.h db/health_aside.c \
	db/hold.c \
	db/import.c db/import_apply.c db/import_private.h \
	db/key.c db/key.h db/key_list.c \
	db/key_address.c db/key_authenticate.c db/key_rotate.c \
	db/ledger.c db/ledger.h db/ledger_check.c \
	db/limit.c db/limit.h \
	db/manifest.c db/manifest_private.h \
	db/pepper.c db/pepper.h db/pepper_list.c \
	db/place.c db/place.h \
	db/process.c db/process.h \
	db/record.c db/record_private.h \
	db/prove.c \
	db/recovery.c \
	db/region.c db/region.h \
	db/row.c db/row_private.h db/row_read.c \
	db/shared.c db/shared.h \
	db/space.c db/space.h \
	db/store.c db/store.h db/store_private.h \
	db/tally.c db/tally.h \
	db/transact.c \
	db/usage.c db/usage.h \
	db/window.c db/window_mend.c db/window_private.h \
	db/workdir.c db/workdir.h

db_test_libs = db/libfarebox-db.a base/libfarebox-base.a $(DB_ALL_LIBS) \
	$(BASE_LIBS) $(CMOCKA_LIBS)
scratch_sources = tests/store/scratch.c tests/store/scratch.h

store_tests = tests/store/answer tests/store/backup \
	tests/store/backup_fire tests/store/health tests/store/key \
	tests/store/export tests/store/key_care \
	tests/store/ledger tests/store/pepper tests/store/place \
	tests/store/shared \
	tests/store/space tests/store/window
check_PROGRAMS += $(store_tests)
TESTS += $(store_tests)

tests_store_answer_SOURCES = tests/store/answer.c $(scratch_sources)
tests_store_answer_LDADD = $(db_test_libs)
tests_store_key_SOURCES = tests/store/key.c $(scratch_sources)
tests_store_key_LDADD = $(db_test_libs)
tests_store_key_care_SOURCES = tests/store/key_care.c $(scratch_sources)
tests_store_key_care_LDADD = $(db_test_libs)
tests_store_backup_SOURCES = tests/store/backup.c $(scratch_sources)
tests_store_backup_LDADD = $(db_test_libs)
tests_store_backup_fire_SOURCES = tests/store/backup_fire.c \
	$(scratch_sources)
tests_store_backup_fire_LDADD = $(db_test_libs)
tests_store_health_SOURCES = tests/store/health.c
tests_store_health_LDADD = $(db_test_libs)
tests_store_export_SOURCES = tests/store/export.c $(scratch_sources)
tests_store_export_LDADD = $(db_test_libs)
tests_store_place_SOURCES = tests/store/place.c $(scratch_sources)
tests_store_place_LDADD = $(db_test_libs)
tests_store_place_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=statfs
tests_store_shared_SOURCES = tests/store/shared.c tests/store/patient.h
tests_store_shared_LDADD = $(db_test_libs)
tests_store_window_SOURCES = tests/store/window.c tests/store/patient.h
tests_store_window_LDADD = $(db_test_libs)
tests_store_space_SOURCES = tests/store/space.c $(scratch_sources)
tests_store_space_LDADD = $(db_test_libs)
tests_store_ledger_SOURCES = tests/store/ledger.c $(scratch_sources)
tests_store_ledger_LDADD = $(db_test_libs)
tests_store_pepper_SOURCES = tests/store/pepper.c $(scratch_sources)
tests_store_pepper_LDADD = $(db_test_libs)

check_PROGRAMS += tests/store/bank tests/store/rivals
store_scripts = tests/store/bank_alone.sh tests/store/bank_cgi.sh \
	tests/store/bank_supervised.sh
EXTRA_DIST += $(store_scripts)
TESTS += tests/store/rivals $(store_scripts)
tests_store_rivals_SOURCES = tests/store/rivals.c $(scratch_sources)
tests_store_rivals_LDADD = db/libfarebox-db.a base/libfarebox-base.a \
	$(DB_ALL_LIBS) $(BASE_LIBS)
tests_store_bank_SOURCES = tests/store/bank.c $(scratch_sources)
tests_store_bank_LDADD = db/libfarebox-db.a base/libfarebox-base.a \
	$(DB_ALL_LIBS) $(BASE_LIBS)

# What is done to a store under the shim, which is put before the system's
# calls with LD_PRELOAD. Plain rules, because a shared object needs no libtool.
shim_sources = tests/store/shim.c tests/store/shim_journal.c \
	tests/store/shim_space.c
shim_headers = tests/store/shim.h tests/store/shim_private.h
EXTRA_DIST += $(shim_sources) $(shim_headers)
CLEANFILES += tests/store/shim.so
check_DATA += tests/store/shim.so
tests/store/shim.so: $(shim_sources) $(shim_headers)
	$(AM_V_CCLD)$(MKDIR_P) tests/store && $(CC) -std=gnu11 \
		$(WARN_CFLAGS) $(AM_CPPFLAGS) -g -O1 -fPIC -shared -o $@ \
		$(shim_sources:%=$(srcdir)/%) $(LDFLAGS) -ldl

check_PROGRAMS += tests/store/power_worker
tests_store_power_worker_SOURCES = tests/store/power_worker.c \
	$(scratch_sources)
tests_store_power_worker_LDADD = db/libfarebox-db.a base/libfarebox-base.a \
	$(DB_ALL_LIBS) $(BASE_LIBS)
check_PROGRAMS += tests/store/fail_worker
tests_store_fail_worker_SOURCES = tests/store/fail_worker.c $(scratch_sources)
tests_store_fail_worker_LDADD = db/libfarebox-db.a base/libfarebox-base.a \
	$(DB_ALL_LIBS) $(BASE_LIBS)
shim_tests = tests/store/power_loss.py tests/store/failing.py
EXTRA_DIST += $(shim_tests) tests/store/mutate.py
TESTS += $(shim_tests) tests/store/mutate.py

check_PROGRAMS += tests/store/stuck
TESTS += tests/store/stuck
tests_store_stuck_SOURCES = tests/store/stuck.c $(scratch_sources)
tests_store_stuck_LDADD = $(db_test_libs)

check_PROGRAMS += tests/store/line
TESTS += tests/store/line
tests_store_line_SOURCES = tests/store/line.c $(scratch_sources)
tests_store_line_LDADD = $(db_test_libs)

check_PROGRAMS += tests/store/lean
TESTS += tests/store/lean
tests_store_lean_SOURCES = tests/store/lean.c $(scratch_sources)
tests_store_lean_LDADD = $(db_test_libs)

check_PROGRAMS += tests/store/early
TESTS += tests/store/early
tests_store_early_SOURCES = tests/store/early.c $(scratch_sources)
tests_store_early_LDADD = $(db_test_libs)

check_PROGRAMS += tests/store/astray
TESTS += tests/store/astray
tests_store_astray_SOURCES = tests/store/astray.c $(scratch_sources)
tests_store_astray_LDADD = $(db_test_libs)

check_PROGRAMS += tests/store/first_holds
TESTS += tests/store/first_holds
tests_store_first_holds_SOURCES = tests/store/first_holds.c $(scratch_sources)
tests_store_first_holds_LDADD = $(db_test_libs)

check_PROGRAMS += tests/store/denied
TESTS += tests/store/denied
tests_store_denied_SOURCES = tests/store/denied.c $(scratch_sources)
tests_store_denied_LDADD = $(db_test_libs)
tests_store_denied_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc \
	-Wl,--wrap=realloc -Wl,--wrap=pread

check_PROGRAMS += tests/store/region
TESTS += tests/store/region
tests_store_region_SOURCES = tests/store/region.c $(scratch_sources)
tests_store_region_LDADD = $(db_test_libs)

check_PROGRAMS += tests/store/record
TESTS += tests/store/record
tests_store_record_SOURCES = tests/store/record.c $(scratch_sources)
tests_store_record_LDADD = $(db_test_libs)

check_PROGRAMS += tests/store/full_cache
TESTS += tests/store/full_cache
tests_store_full_cache_SOURCES = tests/store/full_cache.c $(scratch_sources)
tests_store_full_cache_LDADD = $(db_test_libs)

check_PROGRAMS += tests/store/full_log
TESTS += tests/store/full_log
tests_store_full_log_SOURCES = tests/store/full_log.c $(scratch_sources)
tests_store_full_log_LDADD = $(db_test_libs)
tests_store_full_log_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fdatasync

# Transactions are tried again here, or nobody knows how they ended.
check_PROGRAMS += tests/store/model tests/store/unknown
TESTS += tests/store/model tests/store/unknown
tests_store_unknown_SOURCES = tests/store/unknown.c $(scratch_sources)
tests_store_unknown_LDADD = $(db_test_libs)
tests_store_unknown_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=store_transact_on
tests_store_model_SOURCES = tests/store/model.c tests/store/model.h \
	tests/store/model_ledger.c $(scratch_sources)
tests_store_model_LDADD = db/libfarebox-db.a base/libfarebox-base.a \
	$(DB_ALL_LIBS) $(BASE_LIBS)
tests_store_model_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=store_transact_on

# See memory_tests in Makefile.am.
crowd_tests = tests/store/astray tests/store/backup_fire \
	tests/store/denied tests/store/first_holds tests/store/full_cache \
	tests/store/full_log tests/store/line tests/store/stuck \
	tests/store/model tests/store/rivals
