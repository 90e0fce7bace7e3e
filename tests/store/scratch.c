/* scratch.c: a store of its own for a test, and rows in it. */
#include "tests/store/scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/store_private.h"

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	abort();
}

void
scratch_init(char dir[64])
{
	char why[STORE_WHY_SIZE];
	const char *base = getenv("TMPDIR");

	snprintf(dir, 64, "%s/farebox-test-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(dir))
		die("mkdtemp", dir);
	if (store_init(dir, why) != STORE_OK)
		die("store_init", why);
}

static int
remove_one(const char *path, const struct stat *status, int type,
    struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	return remove(path);
}

void
scratch_remove(const char *dir)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

struct store *
scratch_open(const char *dir)
{
	struct store_options options = { .dir = dir, .flush = true };
	char why[STORE_WHY_SIZE];
	struct store *store;

	if (store_open(&store, &options, why) != STORE_OK)
		die("store_open", why);
	return store;
}

void
scratch_drop_memory(const char *dir)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];

	/* It is an economy. */
	if (!maps)
		return;
	while (fgets(line, sizeof(line), maps)) {
		void *begin, *end;

		if (strstr(line, dir) && strstr(line, "/__db.") &&
		    strstr(line, " (deleted)") &&
		    sscanf(line, "%p-%p", &begin, &end) == 2)
			munmap(begin, (size_t)((char *)end - (char *)begin));
	}
	fclose(maps);
}

struct account
scratch_account(struct store *store, const char *name, money balance)
{
	struct account account;
	enum store_rc rc = account_create(store, name, &account);

	if (rc == STORE_OK && balance.nano > 0)
		rc = ledger_credit(store, account.number, ENTRY_DEPOSIT,
		    balance, "opening balance", &account);
	if (rc != STORE_OK)
		die("scratch_account", store_rc_text(rc));
	return account;
}

static struct key
make_key(struct store *store, const struct key_spec *spec)
{
	char secret[KEY_SECRET_SIZE];
	struct key key;
	enum store_rc rc = key_create(store, spec, secret, &key);

	if (rc != STORE_OK)
		die("key_create", store_rc_text(rc));
	return key;
}

struct key
scratch_key(struct store *store, uint32_t account, const char *label)
{
	struct key_spec spec = {
		.account = account,
		.brand = "test",
		.label = label,
	};

	return make_key(store, &spec);
}

struct key
scratch_budget_key(struct store *store, uint32_t account, const char *label,
    money budget)
{
	struct key_spec spec = {
		.account = account,
		.brand = "test",
		.label = label,
		.has_budget = true,
		.budget = budget,
	};

	return make_key(store, &spec);
}

struct hold
scratch_hold(const struct key *key, money amount)
{
	struct hold hold = {
		.account = key->account,
		.key = key->number,
		.amount = amount,
		.model = "test-model",
	};

	if (!request_id_make(&hold.id, clock_wall_ms()))
		die("request_id_make", "no random bytes");
	return hold;
}

struct usage
scratch_usage(const struct hold *hold, money cost)
{
	struct usage usage = {
		.id = hold->id,
		.account = hold->account,
		.key = hold->key,
		.http = 200,
		.model = "test-model",
		.input_tokens = 9,
		.output_tokens = 12,
		.cached_tokens = 4,
		.reasoning_tokens = 5,
		.audio_input_tokens = 1,
		.audio_output_tokens = 2,
		.images = 3,
		.characters = 6,
		.audio_ms = 1500,
		.cost = cost,
		.latency_ms = 1,
	};

	return usage;
}

static void
print_complaint(const char *sentence, void *context)
{
	(void)context;
	fprintf(stderr, "# %s\n", sentence);
}

struct scratch_locks
scratch_locks(struct store *store)
{
	struct scratch_locks locks;
	DB_LOCK_STAT *found;

	if (store->env->lock_stat(store->env, &found, 0) != 0)
		die("lock_stat", "it fails");
	locks.lockers = found->st_nlockers;
	locks.waits = found->st_lock_wait;
	free(found);
	return locks;
}

uint64_t
scratch_check(struct store *store, struct ledger_totals *totals)
{
	struct ledger_totals own;
	enum store_rc rc;

	if (!totals)
		totals = &own;
	rc = ledger_check(store, print_complaint, NULL, totals);
	if (rc != STORE_OK)
		die("ledger_check", store_why(store));
	return totals->wrong;
}
