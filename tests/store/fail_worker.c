/* fail_worker.c: a life in the store while calls fail, and what is left. */
/*
 * fail_worker run DIR BOARD
 * fail_worker begin DIR BOARD
 * fail_worker recover DIR BOARD
 * fail_worker audit DIR BOARD [flush] [undo] [died]
 *
 * run does each thing once under the shim, which makes calls fail, and notes
 * on the board how each ended. begin does so up to the first recovery, of
 * which nothing is in the tables yet; recover does that one. audit runs without
 * failures: the store must open, what was done must be there, what failed must
 * be there wholly or not at all, and the books must be right. With "flush"
 * a flush may have failed; with "undo" what was begun could not be undone; with
 * "died" it ended in a crash of Berkeley DB's own, which EXIT_LIBRARY had told.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/gate.h"
#include "tests/store/scratch.h"
#include "tests/store/shim.h"

enum step {
	STEP_INIT, STEP_OPEN, STEP_ACCOUNT, STEP_DEPOSIT, STEP_KEY, STEP_KNOW,
	STEP_HOLD, STEP_SETTLE, STEP_HOLD_2, STEP_RELEASE, STEP_USAGE,
	STEP_HISTORY, STEP_CHECK, STEP_RECOVER, STEP_DEPOSIT_2, STEP__COUNT
};

enum { DEPOSIT_NANO = 100000, HOLD_NANO = 1000, COST_NANO = 700,
	SWEEP_MS = 60000, NEVER = 99, EXIT_LIBRARY = 77 };

/* Shared with the audit; not part of the store, and never fails. */
struct board {
	uint32_t ended[STEP__COUNT];  /* an enum store_rc, or NEVER */
	uint32_t ran_to_the_end;
	struct account account;
	struct key key;
	char secret[KEY_SECRET_SIZE];
	struct hold hold, hold_2;
	struct usage usage;
	uint64_t wrong;
	uint32_t bad_listing;
};

struct life {
	const char *dir;
	bool flush_may_fail, undo_may_fail, died;
	struct board *board;
	struct store *store;
};

static void *
map_file(const char *path, size_t size)
{
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	void *map = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, (off_t)size) == 0)
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	if (map == MAP_FAILED) {
		perror("cannot map");
		exit(4);
	}
	close(fd);
	return map;
}

static enum store_rc
init(struct life *life)
{
	char why[STORE_WHY_SIZE];

	return store_init(life->dir, why);
}

static enum store_rc
start(struct life *life)
{
	struct store_options options = { .dir = life->dir, .flush = true };
	char why[STORE_WHY_SIZE];

	return store_open(&life->store, &options, why);
}

static enum store_rc
make_account(struct life *life)
{
	return account_create(life->store, "a", &life->board->account);
}

static enum store_rc
deposit(struct life *life)
{
	return ledger_credit(life->store, 1, ENTRY_DEPOSIT,
	    (money){ DEPOSIT_NANO }, "first", &life->board->account);
}

static enum store_rc
make_key(struct life *life)
{
	struct key_spec spec = {
		.account = 1, .brand = "test", .label = "k",
	};

	return key_create(life->store, &spec, life->board->secret,
	    &life->board->key);
}

static enum store_rc
know(struct life *life)
{
	struct account account;
	struct key key;

	return key_authenticate(life->store, life->board->secret, &key,
	    &account);
}

static bool
make_hold(struct hold *hold)
{
	*hold = (struct hold){
		.account = 1, .key = 1, .amount = { HOLD_NANO }, .model = "m",
	};
	return request_id_make(&hold->id, clock_wall_ms());
}

static enum store_rc
hold(struct life *life)
{
	struct board *board = life->board;

	if (!make_hold(&board->hold))
		return STORE_UNAVAILABLE;
	return ledger_hold(life->store, &board->hold);
}

static enum store_rc
settle(struct life *life)
{
	struct board *board = life->board;

	board->usage = scratch_usage(&board->hold, (money){ COST_NANO });
	return ledger_settle(life->store, &board->hold, LEDGER_CAP,
	    &board->usage, NULL);
}

static enum store_rc
hold_2(struct life *life)
{
	if (!make_hold(&life->board->hold_2))
		return STORE_UNAVAILABLE;
	return ledger_hold(life->store, &life->board->hold_2);
}

static enum store_rc
release(struct life *life)
{
	struct usage usage = scratch_usage(&life->board->hold_2, MONEY_ZERO);

	return ledger_release(life->store, &life->board->hold_2, &usage);
}

static bool
see_usage(const struct usage *usage, void *context)
{
	struct board *board = context;

	if (usage->account != 1 || usage->hold.nano != HOLD_NANO)
		board->bad_listing = 1;
	return true;
}

static enum store_rc
list_usage(struct life *life)
{
	return usage_list(life->store, 1, NULL, see_usage, life->board);
}

static bool
see_entry(const struct entry *entry, void *context)
{
	struct board *board = context;

	if (entry->account != 1 || entry->number == 0)
		board->bad_listing = 1;
	return true;
}

static enum store_rc
list_history(struct life *life)
{
	return ledger_history(life->store, 1, see_entry, life->board);
}

static void
ignore(const char *sentence, void *context)
{
	(void)context;
	printf("# %s\n", sentence);
}

static enum store_rc
check(struct life *life)
{
	struct ledger_totals totals;
	enum store_rc rc = ledger_check(life->store, ignore, NULL, &totals);

	if (rc == STORE_OK)
		life->board->wrong = totals.wrong;
	return rc;
}

static enum store_rc
recover(struct life *life)
{
	char why[STORE_WHY_SIZE];
	enum store_rc rc = store_recover(life->dir, true, why);

	if (life->store)
		store_maintain(life->store);
	return rc;
}

static const struct {
	const char *name;
	enum store_rc (*run)(struct life *life);
	enum step needs;
} steps[STEP__COUNT] = {
	[STEP_INIT] = { "init", init, STEP_INIT },
	[STEP_OPEN] = { "open", start, STEP_INIT },
	[STEP_ACCOUNT] = { "account", make_account, STEP_OPEN },
	[STEP_DEPOSIT] = { "deposit", deposit, STEP_ACCOUNT },
	[STEP_KEY] = { "key", make_key, STEP_DEPOSIT },
	[STEP_KNOW] = { "authenticate", know, STEP_KEY },
	[STEP_HOLD] = { "hold", hold, STEP_KEY },
	[STEP_SETTLE] = { "settle", settle, STEP_HOLD },
	[STEP_HOLD_2] = { "hold again", hold_2, STEP_KEY },
	[STEP_RELEASE] = { "release", release, STEP_HOLD_2 },
	[STEP_USAGE] = { "usage", list_usage, STEP_OPEN },
	[STEP_HISTORY] = { "history", list_history, STEP_ACCOUNT },
	[STEP_CHECK] = { "check", check, STEP_OPEN },
	[STEP_RECOVER] = { "recover", recover, STEP_OPEN },
	[STEP_DEPOSIT_2] = { "deposit again", deposit, STEP_ACCOUNT },
};

/* libcrypto sets itself up when it is first used, and is not ours to test. */
static void
warm_up(void)
{
	unsigned char bytes[DIGEST_BYTES];

	if (!random_bytes(bytes, sizeof(bytes)) ||
	    !digest_sha256("", 0, bytes) ||
	    !digest_hmac(bytes, sizeof(bytes), "", 0, bytes))
		exit(4);
}

/*
 * Berkeley DB does not survive each failure of memory. To the store such a
 * crash is one more death of a process; a crash of ours is a fault.
 */
static void
on_crash(int number, siginfo_t *info, void *context)
{
	const ucontext_t *at = context;
	void *where = NULL;
	Dl_info symbol;

	(void)info;
#if defined(__x86_64__)
	where = (void *)at->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	where = (void *)at->uc_mcontext.pc;
#else
	(void)at;
#endif
	if (where && dladdr(where, &symbol) && symbol.dli_fname &&
	    strstr(symbol.dli_fname, "/libdb"))
		_exit(EXIT_LIBRARY);
	signal(number, SIG_DFL);
}

/* The steps from one to before another. */
static int
run(struct life *life, enum step from, enum step end)
{
	struct sigaction crash = {
		.sa_sigaction = on_crash,
		.sa_flags = SA_SIGINFO,
	};
	struct shim_state *state = map_file(getenv("SHIM_STATE"),
	    sizeof(*state));
	struct board *board = life->board;

	for (int i = from; i < STEP__COUNT; i++)
		board->ended[i] = NEVER;
	warm_up();
	sigaction(SIGSEGV, &crash, NULL);
	atomic_store(&state->enabled, 1);
	for (int i = from; i < (int)end; i++) {
		if (i != STEP_INIT &&
		    board->ended[steps[i].needs] != STORE_OK)
			continue;
		/* Should the process end in it, it was begun. */
		board->ended[i] = STORE_UNAVAILABLE;
		board->ended[i] = steps[i].run(life);
	}
	store_close(life->store);
	atomic_store(&state->enabled, 0);
	board->ran_to_the_end = 1;
	return 0;
}

/* The part of the audit. */

static int faults;

static void
expect(bool good, const char *what)
{
	if (good)
		return;
	faults++;
	printf("%s\n", what);
}

static bool
was_done(const struct board *board, enum step step)
{
	return board->ended[step] == STORE_OK;
}

/* Everything from its making on, as the operator would do it. */
static void
audit_init(struct life *life)
{
	enum store_rc rc;
	char why[STORE_WHY_SIZE];

	if (was_done(life->board, STEP_INIT)) {
		expect(start(life) == STORE_OK, "a good store does not open");
		return;
	}
	/* What could not be made can be made now, in the same place. */
	rc = store_init(life->dir, why);
	if (rc != STORE_OK && life->undo_may_fail)
		return;
	if (rc != STORE_OK)
		printf("%s\n", why);
	expect(rc == STORE_OK, "a store that was not made stands in the way");
	if (rc == STORE_OK)
		expect(start(life) == STORE_OK, "a new store does not open");
}

/* What was acknowledged is there; what was not is there as a whole. */
static void
audit_rows(struct life *life)
{
	struct board *board = life->board;
	struct account account, found_account;
	struct key key;
	struct usage usage;
	int64_t least, most;
	enum store_rc rc = account_find(life->store, "a", &account);

	if (rc != STORE_OK) {
		expect(rc == STORE_NOT_FOUND && !was_done(board, STEP_ACCOUNT),
		    "the account is lost");
		return;
	}
	least = (was_done(board, STEP_DEPOSIT) +
	    was_done(board, STEP_DEPOSIT_2)) * DEPOSIT_NANO;
	most = ((board->ended[STEP_DEPOSIT] != NEVER) +
	    (board->ended[STEP_DEPOSIT_2] != NEVER)) * DEPOSIT_NANO;
	expect(account.deposited.nano >= least &&
	    account.deposited.nano <= most &&
	    account.deposited.nano % DEPOSIT_NANO == 0,
	    "the deposits are not what was deposited");
	if (board->secret[0]) {
		rc = key_authenticate(life->store, board->secret, &key,
		    &found_account);
		expect(rc == STORE_OK || (rc == STORE_NOT_FOUND &&
		    !was_done(board, STEP_KEY)), "the key is lost");
	}
	expect(account.spent.nano == COST_NANO ||
	    (account.spent.nano == 0 && !was_done(board, STEP_SETTLE)),
	    "what was spent is not what was settled");
	if (board->ended[STEP_SETTLE] == NEVER)
		return;
	rc = usage_get(life->store, 1, &board->hold.id, &usage);
	expect((rc == STORE_OK && usage.cost.nano == account.spent.nano) ||
	    (rc == STORE_NOT_FOUND && account.spent.nano == 0),
	    "the usage record is not what was charged");
}

/* And life goes on. */
static void
audit_life(struct life *life)
{
	int64_t end_us = clock_mono_us() + SWEEP_MS * INT64_C(1000);
	struct ledger_totals totals;
	struct account account;
	struct key key;
	struct hold again;
	struct usage usage;

	do {
		store_maintain(life->store);
		expect(scratch_check(life->store, &totals) == 0,
		    "the books are wrong");
	} while (totals.held.nano > 0 && clock_mono_us() < end_us);
	expect(totals.held.nano == 0, "something is held for ever");
	account = scratch_account(life->store, "after", (money){ HOLD_NANO });
	key = scratch_key(life->store, account.number, "k");
	again = scratch_hold(&key, (money){ HOLD_NANO });
	usage = scratch_usage(&again, (money){ 1 });
	expect(ledger_hold(life->store, &again) == STORE_OK &&
	    ledger_settle(life->store, &again, LEDGER_CAP, &usage, NULL) ==
	    STORE_OK, "nothing can be bought afterwards");
}

/* After a failed flush holds are refused until the operator has looked. */
static void
clear_flush_failed(const char *dir, bool may_have_failed)
{
	char why[STORE_WHY_SIZE];
	struct gate *gate = gate_open(dir, NULL, NULL, why);

	if (!gate)
		return;
	expect(may_have_failed || !gate_flush_failed(gate),
	    "a flush is said to have failed, and none has");
	gate_set_flush_failed(gate, false);
	gate_close(gate);
}

static int
audit(struct life *life)
{
	struct board *board = life->board;

	expect(board->ran_to_the_end || life->died,
	    "it did not run to its end");
	expect(!board->bad_listing, "what was listed is nonsense");
	expect(board->wrong == 0, "its own check found the books wrong");
	for (int i = 0; i < STEP__COUNT; i++)
		if (board->ended[i] != STORE_OK &&
		    board->ended[i] != STORE_UNAVAILABLE &&
		    board->ended[i] != NEVER) {
			printf("%s: %s\n", steps[i].name, store_rc_text(
			    (enum store_rc)board->ended[i]));
			/* A key whose secret was never told is not known. */
			expect(false, "a failure is mistaken for an answer");
		}
	clear_flush_failed(life->dir, life->flush_may_fail);
	audit_init(life);
	if (life->store) {
		audit_rows(life);
		audit_life(life);
		store_close(life->store);
	}
	return faults ? 1 : 0;
}

int
main(int argc, char **argv)
{
	struct life life = { 0 };

	if (argc < 4)
		return 2;
	life.dir = argv[2];
	life.board = map_file(argv[3], sizeof(*life.board));
	if (strcmp(argv[1], "run") == 0)
		return run(&life, STEP_INIT, STEP__COUNT);
	if (strcmp(argv[1], "begin") == 0)
		return run(&life, STEP_INIT, STEP_RECOVER);
	if (strcmp(argv[1], "recover") == 0)
		return run(&life, STEP_RECOVER, STEP_DEPOSIT_2);
	for (int i = 4; i < argc; i++) {
		life.flush_may_fail |= strcmp(argv[i], "flush") == 0;
		life.undo_may_fail |= strcmp(argv[i], "undo") == 0;
		life.died |= strcmp(argv[i], "died") == 0;
	}
	if (strcmp(argv[1], "audit") == 0)
		return audit(&life);
	return 2;
}
