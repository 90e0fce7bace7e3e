# admin/room.mk: the operator's command.

sbin_PROGRAMS += farebox
farebox_SOURCES = \
	admin/account.c \
	admin/admin.h \
	admin/advice.c \
	admin/args.c \
	admin/backup.c \
	admin/command.c admin/command.h \
	admin/completion.c \
	admin/config.c \
	admin/credit.c \
	admin/doctor.c admin/doctor.h \
	admin/doctor_here.c \
	admin/doctor_there.c \
	admin/export.c \
	admin/help.c \
	admin/key.c admin/key.h \
	admin/key_care.c \
	admin/key_spec.c admin/key_spec.h \
	admin/limit.c admin/limit.h \
	admin/main.c \
	admin/object.c admin/object.h \
	admin/pepper.c \
	admin/plan.c admin/plan.h \
	admin/print.c admin/print.h \
	admin/probe.c admin/probe.h \
	admin/proof.c admin/proof.h \
	admin/provider.c \
	admin/reference.c \
	admin/route.c \
	admin/session.c \
	admin/store.c \
	admin/usage.c
farebox_LDADD = db/libfarebox-db.a base/libfarebox-base.a \
	$(DB_ALL_LIBS) $(BASE_LIBS)

# bash-completion looks for farebox.bash when farebox is completed.
bash_completiondir = $(datadir)/bash-completion/completions
dist_bash_completion_DATA = contrib/completion/farebox.bash
EXTRA_DIST += contrib/mint-key

admin_tests = \
	tests/admin/commands.py \
	tests/admin/doctor_test.py \
	tests/admin/mint_key.py \
	tests/admin/reference.py
TESTS += $(admin_tests)
EXTRA_DIST += $(admin_tests) tests/admin/harness.py \
	tests/admin/key_care.py tests/admin/plans.py \
	tests/admin/store_moves.py

check_PROGRAMS += tests/admin/spend
tests_admin_spend_SOURCES = tests/admin/spend.c
tests_admin_spend_LDADD = $(farebox_LDADD)

# A farebox for which no ledger adds up.
check_PROGRAMS += tests/admin/wrong_books
tests_admin_wrong_books_SOURCES = $(farebox_SOURCES) tests/admin/wrong_books.c
tests_admin_wrong_books_LDADD = $(farebox_LDADD)
tests_admin_wrong_books_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=ledger_check
