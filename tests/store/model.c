/* model.c: a random life of a store, step by step beside one that is simple. */
/*
 * model [--ops N] [--seed N]
 *
 * Each step is done in the store and in a few structs, whose arithmetic is its
 * own; answers and states must be the same. Clocks are moved, processes die,
 * the store is recovered; and transactions are aborted and tried again, or
 * done twice, as happens when nobody knows whether a commit came through.
 */
#include "tests/store/model.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/store_private.h"
#include "tests/store/scratch.h"

enum {
	OPS = 20000,
	OPS_LONG = 1000000,
	COMPARE_EVERY = 1000,    /* everything */
	HOUR_MS = 3600000,
	SWEEP_MS = 1000,         /* more than a sweep's interval */
	SWEEPS_MAX = 100,
};

struct life {
	char dir[64];
	struct store *store;
	struct model model;
	uint64_t random;
	long op;
	const char *name;        /* of the step */
	int forks, recoveries, clock_steps;
};

static struct life life;

/* What is added to the system's clocks. */
static int64_t wall_step_ms, mono_step_ms;

/* The time of day stands still while the store and the model both read it. */
static bool wall_stands;
static struct timespec wall_still;

/* Before the C library's own, for the store's and Berkeley DB's eyes. */
int
clock_gettime(clockid_t clock, struct timespec *time)
{
	int64_t step_ms = clock == CLOCK_REALTIME ? wall_step_ms :
	    clock == CLOCK_MONOTONIC ? mono_step_ms : 0;
	int rc;

	if (clock == CLOCK_REALTIME && wall_stands) {
		*time = wall_still;
		return 0;
	}
	rc = (int)syscall(SYS_clock_gettime, clock, time);
	time->tv_sec += step_ms / 1000;
	time->tv_nsec += step_ms % 1000 * 1000000;
	if (time->tv_nsec >= 1000000000) {
		time->tv_nsec -= 1000000000;
		time->tv_sec++;
	} else if (time->tv_nsec < 0) {
		time->tv_nsec += 1000000000;
		time->tv_sec--;
	}
	return rc;
}

static uint64_t
dice(uint64_t sides)
{
	life.random ^= life.random << 13;
	life.random ^= life.random >> 7;
	life.random ^= life.random << 17;
	return life.random % sides;
}

enum store_rc __real_store_transact_on(struct store *store,
    enum store_write write, uint32_t whose, store_body body, void *context);
enum store_rc __wrap_store_transact_on(struct store *store,
    enum store_write write, uint32_t whose, store_body body, void *context);

struct aborted {
	store_body body;
	void *context;
};

/* Does everything, and then refuses to have it committed. */
static enum store_rc
abort_body(struct store *store, DB_TXN *txn, void *context)
{
	struct aborted *aborted = context;

	aborted->body(store, txn, aborted->context);
	return STORE_CORRUPT;
}

enum store_rc
__wrap_store_transact_on(struct store *store, enum store_write write,
    uint32_t whose, store_body body, void *context)
{
	struct aborted aborted = { body, context };
	enum store_rc rc;

	if (write != STORE_WRITE && write != STORE_DURABLE)
		return __real_store_transact_on(store, write, whose, body,
		    context);
	if (dice(5) == 0)
		__real_store_transact_on(store, write, whose, abort_body,
		    &aborted);
	rc = __real_store_transact_on(store, write, whose, body, context);
	if (rc == STORE_OK && dice(5) == 0)
		rc = __real_store_transact_on(store, write, whose, body,
		    context);
	return rc;
}

/* A difference ends the test: what follows would only be its echo. */
static void
same(int64_t is, int64_t should, const char *what)
{
	if (is == should)
		return;
	printf("not ok 1 - step %ld, %s: %s is %lld and should be %lld (%s)\n",
	    life.op, life.name, what, (long long)is, (long long)should,
	    store_why(life.store));
	printf("1..1\n# the store is left in %s\n", life.dir);
	fflush(stdout);
	_exit(1);
}

static void
same_account(const struct model_account *should)
{
	struct account is = { 0 };

	same(account_get(life.store, should->number, &is), STORE_OK,
	    "the account's reading");
	same(is.balance.nano, should->balance, "the balance");
	same(is.held.nano, should->held, "what is held");
	same(is.spent.nano, should->spent, "what was spent");
	same(is.deposited.nano, should->deposited, "what was deposited");
	same((int64_t)is.entries, (int64_t)should->entries, "the last entry");
	same(is.state == ACCOUNT_SUSPENDED, should->suspended, "the state");
}

static void
same_key(const struct model_key *should)
{
	struct key is = { 0 };

	same(key_get(life.store, should->number, &is), STORE_OK,
	    "the key's reading");
	same(is.spent.nano, should->spent, "what the key spent");
	same(is.held.nano, should->held, "what the key holds");
	same(is.state, (int64_t)should->state, "the key's state");
	same(is.expires_ms, should->expires_ms, "the key's end");
}

static void
same_everything(void)
{
	struct ledger_totals totals;

	for (int i = 0; i < life.model.n_accounts; i++)
		same_account(&life.model.accounts[i]);
	for (int i = 0; i < life.model.n_keys; i++)
		same_key(&life.model.keys[i]);
	same((int64_t)scratch_check(life.store, &totals), 0, "the check");
	same(totals.accounts, life.model.n_accounts, "the accounts' number");
	same(totals.keys, life.model.n_keys, "the keys' number");
	same((int64_t)totals.holds, life.model.hold.outstanding,
	    "the holds' number");
}

/* A sum near an edge, or any. */
static int64_t
amount_near(int64_t edge)
{
	switch (dice(8)) {
	case 0: return edge;
	case 1: return edge < INT64_MAX ? edge + 1 : edge;
	case 2: return edge > 0 ? edge - 1 : edge;
	case 3: return 0;
	case 4: return dice(10) ? 1 : -1;
	case 5: return dice(50) ? (int64_t)dice(1000000) : INT64_MAX;
	default: return edge > 0 ? (int64_t)dice((uint64_t)edge) : 0;
	}
}

static struct model_account *
any_account(void)
{
	return &life.model.accounts[dice((uint64_t)life.model.n_accounts)];
}

static struct model_key *
any_key(void)
{
	return &life.model.keys[dice((uint64_t)life.model.n_keys)];
}

/* The steps. */

static void
new_account(void)
{
	struct account account;
	char name[24];
	enum store_rc rc;

	if (life.model.n_accounts == MODEL_ACCOUNTS)
		return;
	snprintf(name, sizeof(name), "a%d", life.model.n_accounts -
	    (life.model.n_accounts && dice(3) == 0));
	rc = account_create(life.store, name, &account);
	if (atoi(name + 1) < life.model.n_accounts) {
		same(rc, STORE_EXISTS, "a second account of a name");
		return;
	}
	same(rc, STORE_OK, "the answer");
	same(account.number, life.model.n_accounts + 1, "the number");
	same_account(model_account(&life.model));
}

static void
new_key(void)
{
	struct model_account *owner = any_account();
	struct key_spec spec = {
		.account = owner->number,
		.brand = "test",
		.label = "k",
		.has_budget = dice(2),
		.budget = { (int64_t)dice(5000) },
		.expires_ms = dice(3) ? 0 : clock_wall_ms() +
		    (int64_t)dice(2 * HOUR_MS) - HOUR_MS / 2,
	};
	char secret[KEY_SECRET_SIZE];
	struct key key, found;
	struct account account;

	if (life.model.n_keys == MODEL_KEYS)
		return;
	same(key_create(life.store, &spec, secret, &key), STORE_OK,
	    "the answer");
	same(key.number, life.model.n_keys + 1, "the number");
	same(key_authenticate(life.store, secret, &found, &account), STORE_OK,
	    "the secret");
	same(found.number, key.number, "whose the secret is");
	same(account.number, owner->number, "who pays for it");
	same_key(model_key(&life.model, owner, spec.has_budget,
	    spec.budget.nano, spec.expires_ms));
}

static void
credit(void)
{
	struct model_account *of = any_account();
	enum entry_kind kind = dice(3) ? ENTRY_DEPOSIT : ENTRY_ADJUSTMENT;
	int64_t amount = kind == ENTRY_DEPOSIT ? amount_near(3000) :
	    -amount_near(of->balance - of->held);
	struct account account;

	/* What all have together must fit, too. */
	if (amount == INT64_MAX && of->deposited == 0)
		amount /= 2 * MODEL_ACCOUNTS;
	same(ledger_credit(life.store, of->number, kind, (money){ amount },
	    "m", &account), model_credit(of, kind, amount), "the answer");
	same_account(of);
}

static void
hold(void)
{
	struct model_key *key = any_key();
	struct model_account *account = key->account;
	struct key as = { .number = key->number, .account = account->number };
	int64_t edge = dice(2) ? account->balance - account->held :
	    model_budget_left(key);
	struct hold take = scratch_hold(&as, (money){ amount_near(edge) });
	enum store_rc should;

	/* Now and then of an account that is not the key's. */
	if (dice(50) == 0)
		account = any_account();
	take.account = account->number;
	if (dice(30) == 0 && life.model.hold.outstanding)
		take.id = life.model.hold.id;
	clock_gettime(CLOCK_REALTIME, &wall_still);
	wall_stands = true;
	should = model_hold(&life.model, account, key, &take,
	    clock_wall_ms());
	same(ledger_hold(life.store, &take), should, "the answer");
	wall_stands = false;
	same_account(account);
	same_key(key);
}

static void
settle(void)
{
	struct model_hold *of = &life.model.hold;
	enum ledger_excess excess = dice(2) ? LEDGER_CAP : LEDGER_EXTEND;
	struct hold take = { .id = of->id };
	struct usage usage, found;
	struct model_bill bill;
	int64_t edge;

	if (!of->account)
		return;
	take.account = of->account->number;
	take.key = of->key->number;
	edge = dice(2) ? of->amount : of->amount + of->account->balance -
	    of->account->held;
	usage = scratch_usage(&take, (money){ amount_near(edge) });
	bill = model_settle(of, excess == LEDGER_EXTEND, usage.cost.nano);
	same(ledger_settle(life.store, &take, excess, &usage, NULL), bill.rc,
	    "the answer");
	same_account(of->account);
	same_key(of->key);
	if (bill.rc != STORE_OK)
		return;
	same(usage.cost.nano, bill.cost, "the cost");
	same(usage.hold.nano, of->amount, "the hold");
	same(usage.flags, bill.flags, "the flags");
	same(usage_get(life.store, of->account->number, &of->id, &found),
	    STORE_OK, "the usage record");
	same(found.cost.nano, bill.cost, "the recorded cost");
	same(found.flags, bill.flags, "the recorded flags");
}

static void
release(void)
{
	struct model_hold *of = &life.model.hold;
	struct hold take = { .id = of->id };
	struct usage usage;
	bool recorded = dice(2);

	if (!of->account)
		return;
	take.account = of->account->number;
	take.key = of->key->number;
	usage = scratch_usage(&take, MONEY_ZERO);
	same(ledger_release(life.store, &take, recorded ? &usage : NULL),
	    STORE_OK, "the answer");
	model_release(of, recorded);
	same_account(of->account);
	same_key(of->key);
}

static void
change_account(void)
{
	struct model_account *of = any_account();
	struct account account;

	of->suspended = dice(3) == 0;
	same(account_set_state(life.store, of->number, of->suspended ?
	    ACCOUNT_SUSPENDED : ACCOUNT_ACTIVE, &account), STORE_OK,
	    "the answer");
	same_account(of);
}

static void
change_key(void)
{
	struct model_key *of = any_key();
	enum key_state state = dice(40) == 0 ? KEY_REVOKED : dice(3) == 0 ?
	    KEY_DISABLED : KEY_ACTIVE;
	enum store_rc should = of->state == KEY_REVOKED &&
	    state != KEY_REVOKED ? STORE_NOT_ACTIVE : STORE_OK;
	struct key key;

	same(key_set_state(life.store, of->number, state, &key), should,
	    "the answer");
	if (should == STORE_OK)
		of->state = state;
	same_key(of);
}

/* An hour forth or back; also what a suspended machine finds on waking. */
static void
step_clock(void)
{
	wall_step_ms += dice(2) ? HOUR_MS : -HOUR_MS;
	life.clock_steps++;
}

static void
reopen(void)
{
	store_close(life.store);
	/* What was held is released. */
	model_release(&life.model.hold, false);
	life.store = scratch_open(life.dir);
	if (life.model.hold.account)
		same_account(life.model.hold.account);
}

static void
recover(void)
{
	char why[STORE_WHY_SIZE];

	same(store_recover(life.dir, true, why), STORE_OK, "the answer");
	scratch_drop_memory(life.dir);
	life.recoveries++;
	same_account(any_account());
}

/* Another process holds something and dies of it. */
static void
orphan(void)
{
	struct model_key *key = any_key();
	struct key as = { .number = key->number,
		.account = key->account->number };
	struct hold take = scratch_hold(&as, (money){ 0 });
	uint64_t before = store_orphans_released(life.store);
	pid_t pid = fork();
	int status = 1;

	if (pid == 0) {
		struct store *own = scratch_open(life.dir);
		enum store_rc rc;

		take.amount.nano = amount_near(key->account->balance -
		    key->account->held);
		rc = ledger_hold(own, &take);
		/* Without a hold there is nothing to be released. */
		_exit(rc == STORE_OK ? 0 : 1);
	}
	life.forks++;
	waitpid(pid, &status, 0);
	for (int i = 0; i < SWEEPS_MAX && (status == 0 ? before ==
	    store_orphans_released(life.store) : i == 0); i++) {
		mono_step_ms += SWEEP_MS;
		store_maintain(life.store);
	}
	/* Whatever hold this process had was given back, too. */
	model_release(&life.model.hold, false);
	same((int64_t)(store_orphans_released(life.store) - before),
	    status == 0, "the orphans' number");
	same_account(key->account);
	same_key(key);
}

static const struct {
	const char *name;
	int share;
	void (*step)(void);
} steps[] = {
	{ "hold", 3500, hold },
	{ "settle", 3000, settle },
	{ "release", 700, release },
	{ "credit", 1500, credit },
	{ "change an account", 400, change_account },
	{ "change a key", 300, change_key },
	{ "new key", 200, new_key },
	{ "new account", 100, new_account },
	{ "step the clock", 100, step_clock },
	{ "reopen", 30, reopen },
	{ "orphan", 15, orphan },
	{ "recover", 3, recover },
};

static void
take_step(void)
{
	int all = 0, at;

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		all += steps[i].share;
	at = (int)dice((uint64_t)all);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		if (at < steps[i].share) {
			life.name = steps[i].name;
			steps[i].step();
			return;
		}
		at -= steps[i].share;
	}
}

static long
default_ops(void)
{
	return getenv("FAREBOX_LONG") ? OPS_LONG : OPS;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "ops", required_argument, NULL, 'o' },
		{ "seed", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	unsigned long seed = (unsigned long)time(NULL) ^
	    (unsigned long)getpid() << 16;
	long ops = default_ops();
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'o': ops = atol(optarg); break;
		case 's': seed = strtoul(optarg, NULL, 10); break;
		default: return 2;
		}
	printf("# seed %lu\n", seed);
	fflush(stdout);
	life.random = (seed + 1) * 0x9e3779b97f4a7c15u;
	scratch_init(life.dir);
	life.store = scratch_open(life.dir);
	life.name = "begin";
	new_account();
	new_key();
	for (life.op = 1; life.op <= ops; life.op++) {
		take_step();
		if (life.op % COMPARE_EVERY == 0)
			same_everything();
	}
	same_everything();
	printf("# %d processes died, %d recoveries, %d clock steps\n",
	    life.forks, life.recoveries, life.clock_steps);
	printf("ok 1 - %ld steps without a difference\n1..1\n", ops);
	store_close(life.store);
	scratch_remove(life.dir);
	return 0;
}
