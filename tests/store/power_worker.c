/* power_worker.c: fills a store whose writes are noted, and audits an image. */
/*
 * power_worker setup DIR
 * power_worker work DIR SECONDS SEED [flush]
 * power_worker check DIR WORK
 * power_worker audit DIR ACKS [flush]
 *
 * What was acknowledged is written to DIR/acks, a line each, so that the
 * journal of the shim holds it in its place among the store's own writes. Work
 * goes on for as long as is told, and on a slow machine until there was some
 * of it, or with "flush" until a flush has failed. An audit gets those lines
 * that came before the power failed, and "flush" when a flush had failed
 * before.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/backup.h"
#include "db/gate.h"
#include "tests/store/scratch.h"

enum {
	ACCOUNTS = 3,
	HOLD_NANO = 1000,
	CUSTOMERS = 4,        /* of an audit, at once: as many as had worked */
	CUSTOMERS_MS = 60000,
	SWEEP_MS = 60000,      /* for the holds of the dead to be released */
	ACKS_MIN = 12,         /* of a worker, however slow the machine is */
	PATIENCE_MS = 60000,   /* for that, or for a flush to fail */
};

static unsigned acknowledged;

static struct store *
open_store(const char *dir)
{
	struct store_options options = { .dir = dir, .flush = true };
	char why[STORE_WHY_SIZE];
	struct store *store;

	if (store_open(&store, &options, why) == STORE_OK)
		return store;
	printf("cannot open: %s\n", why);
	fflush(stdout);
	_exit(3);
}

static int
open_acks(const char *dir)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/acks", dir);
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void
acknowledge(int acks, const char *what, uint32_t account,
    const struct request_id *id, int64_t nano)
{
	char line[128];
	int len = snprintf(line, sizeof(line), "%s %u ", what, account);

	for (size_t i = 0; i < sizeof(*id); i++)
		len += snprintf(line + len, sizeof(line) - (size_t)len, "%02x",
		    id->byte[i]);
	len += snprintf(line + len, sizeof(line) - (size_t)len,
	    " %" PRId64 "\n", nano);
	if (write(acks, line, (size_t)len) != len)
		_exit(4);
	acknowledged++;
}

static void
deposit(struct store *store, int acks, uint32_t number, money amount)
{
	static const struct request_id none;
	struct account account;

	if (ledger_credit(store, number, ENTRY_DEPOSIT, amount, "credit",
	    &account) == STORE_OK)
		acknowledge(acks, "entry", number, &none,
		    (int64_t)account.entries);
}

static void
new_account(struct store *store, int acks, const char *name)
{
	static const struct request_id none;
	struct key_spec spec = { .brand = "test", .label = "k" };
	char secret[KEY_SECRET_SIZE];
	struct account account;
	struct key key;

	if (account_create(store, name, &account) != STORE_OK)
		return;
	acknowledge(acks, "account", account.number, &none, 0);
	deposit(store, acks, account.number, MONEY_USD(1));
	spec.account = account.number;
	if (key_create(store, &spec, secret, &key) == STORE_OK)
		acknowledge(acks, "key", account.number, &none, key.number);
}

static int
setup(const char *dir)
{
	char why[STORE_WHY_SIZE], name[8];
	struct store *store;
	int acks = open_acks(dir);

	if (store_init(dir, why) != STORE_OK) {
		printf("cannot init: %s\n", why);
		return 1;
	}
	store = open_store(dir);
	for (int i = 1; i <= ACCOUNTS; i++) {
		snprintf(name, sizeof(name), "a%d", i);
		new_account(store, acks, name);
	}
	store_close(store);
	return 0;
}

static void
serve(struct store *store, int acks, unsigned *seed)
{
	uint32_t number = 1 + (uint32_t)rand_r(seed) % ACCOUNTS;
	struct key key = { .number = number, .account = number };
	struct hold hold = scratch_hold(&key, (money){ HOLD_NANO });
	struct usage usage = scratch_usage(&hold,
	    (money){ 1 + rand_r(seed) % HOLD_NANO });
	int dice = rand_r(seed) % 100;

	if (ledger_hold(store, &hold) != STORE_OK)
		return;
	if (dice < 10)
		clock_sleep_us(rand_r(seed) % 5000);
	if (dice < 20)
		ledger_release(store, &hold, dice % 2 ? &usage : NULL);
	else if (ledger_settle(store, &hold, LEDGER_CAP, &usage, NULL) ==
	    STORE_OK)
		acknowledge(acks, "usage", number, &hold.id, usage.cost.nano);
}

static struct gate *
open_gate(const char *dir)
{
	char why[STORE_WHY_SIZE];
	struct gate *gate = gate_open(dir, NULL, NULL, why);

	if (gate)
		return gate;
	printf("no gate: %s\n", why);
	fflush(stdout);
	_exit(3);
}

/* gate: one where a flush is to fail, or NULL. */
static bool
must_work(int64_t end_us, const struct gate *gate)
{
	int64_t now_us = clock_mono_us();

	if (now_us < end_us)
		return true;
	return now_us < end_us + PATIENCE_MS * INT64_C(1000) &&
	       (gate ? !gate_flush_failed(gate) : acknowledged < ACKS_MIN);
}

static int
work(const char *dir, int64_t seconds, unsigned seed, bool until_failed)
{
	struct gate *gate = until_failed ? open_gate(dir) : NULL;
	struct store *store = open_store(dir);
	int64_t end_us = clock_mono_us() + seconds * 1000000;
	int acks = open_acks(dir);
	char name[32];

	for (unsigned n = 1; must_work(end_us, gate); n++) {
		serve(store, acks, &seed);
		if (n % 50 == 0)
			deposit(store, acks, 1 + n % ACCOUNTS,
			    (money){ (int64_t)n * 1000 });
		if (n % 200 == 0) {
			snprintf(name, sizeof(name), "w%u-%u", seed, n);
			new_account(store, acks, name);
		}
		store_maintain(store);
	}
	/* As the power fails, it may well be holding something. */
	_exit(0);
}

/* One line of the acknowledgements: is it in the books? */
static bool
is_kept(struct store *store, const char *line)
{
	char what[16], id_text[64];
	struct request_id id;
	struct account account;
	struct usage usage;
	struct key key;
	uint32_t number;
	int64_t value;

	if (sscanf(line, "%15s %" SCNu32 " %63s %" SCNd64, what, &number,
	    id_text, &value) != 4 || strlen(id_text) != 2 * sizeof(id))
		return false;
	for (size_t i = 0; i < sizeof(id); i++) {
		unsigned byte;

		sscanf(id_text + 2 * i, "%2x", &byte);
		id.byte[i] = (unsigned char)byte;
	}
	if (strcmp(what, "usage") == 0)
		return usage_get(store, number, &id, &usage) == STORE_OK &&
		       usage.cost.nano == value;
	if (strcmp(what, "key") == 0)
		return key_get(store, (uint32_t)value, &key) == STORE_OK &&
		       key.account == number;
	return account_get(store, number, &account) == STORE_OK &&
	       account.entries >= (uint64_t)value;
}

static unsigned
count_lost(struct store *store, const char *path)
{
	FILE *acks = fopen(path, "re");
	char line[256];
	unsigned lost = 0;

	if (!acks)
		return 1;
	while (fgets(line, sizeof(line), acks))
		if (!is_kept(store, line)) {
			lost++;
			printf("lost: %s", line);
		}
	fclose(acks);
	return lost;
}

/* Holds while as many others hold, so that each slot is used again. */
static bool
buy(const char *dir, _Atomic int *holding)
{
	int64_t end_us = clock_mono_us() + CUSTOMERS_MS * INT64_C(1000);
	struct store *store = open_store(dir);
	struct key key = { .number = 1, .account = 1 };
	struct hold hold = scratch_hold(&key, (money){ HOLD_NANO });
	struct usage usage = scratch_usage(&hold, (money){ 1 });
	enum store_rc rc = ledger_hold(store, &hold);

	atomic_fetch_add(holding, 1);
	while (atomic_load(holding) < CUSTOMERS && clock_mono_us() < end_us)
		clock_sleep_us(1000);
	if (rc == STORE_OK)
		rc = ledger_settle(store, &hold, LEDGER_CAP, &usage, NULL);
	if (rc != STORE_OK)
		printf("cannot buy: %s: %s\n", store_rc_text(rc),
		    store_why(store));
	store_close(store);
	fflush(stdout);
	return rc == STORE_OK;
}

static bool
all_can_buy(const char *dir)
{
	_Atomic int *holding = mmap(NULL, sizeof(*holding),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool sound = true;
	int status;

	if (holding == MAP_FAILED)
		return false;
	for (int i = 0; i < CUSTOMERS; i++)
		if (fork() == 0)
			_exit(buy(dir, holding) ? 0 : 1);
	while (wait(&status) > 0)
		sound = WIFEXITED(status) && WEXITSTATUS(status) == 0 && sound;
	return sound;
}

static bool
is_empty(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && status.st_size == 0;
}

/* As the operator does who has looked at the disk. */
static void
clear_flush_failed(const char *dir)
{
	char why[STORE_WHY_SIZE];
	struct gate *gate = gate_open(dir, NULL, NULL, why);

	if (gate)
		gate_set_flush_failed(gate, false);
	gate_close(gate);
}

static void
print_complaint(const char *sentence, void *context)
{
	(void)context;
	printf("%s\n", sentence);
}

/* What an operator does after a failed flush. */
static int
check(const char *dir, const char *work)
{
	const struct complaints complaints = { print_complaint, NULL };
	struct store *store = open_store(dir);
	struct proof proof;
	enum store_rc rc = store_check(store, work, &complaints, &proof);

	if (rc != STORE_OK || !proof.flush_cleared)
		printf("not cleared: %s: %s\n", store_rc_text(rc),
		    store_why(store));
	store_close(store);
	return rc == STORE_OK && proof.flush_cleared ? 0 : 1;
}

static int
audit(const char *dir, const char *acks)
{
	/* A store that was only just made has no customers. */
	bool can_buy = is_empty(acks) || all_can_buy(dir);
	struct store *store = open_store(dir);
	int64_t end_us = clock_mono_us() + SWEEP_MS * INT64_C(1000);
	struct ledger_totals totals;
	unsigned lost = count_lost(store, acks);
	uint64_t wrong;

	do {
		store_maintain(store);
		wrong = scratch_check(store, &totals);
	} while (totals.held.nano > 0 && clock_mono_us() < end_us);
	if (totals.held.nano > 0)
		printf("held for ever: %" PRId64 "\n", totals.held.nano);
	store_close(store);
	return !can_buy || lost || wrong || totals.held.nano > 0;
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "setup") == 0)
		return setup(argv[2]);
	if (argc >= 5 && strcmp(argv[1], "work") == 0)
		return work(argv[2], atoi(argv[3]), (unsigned)atoi(argv[4]),
		    argc == 6);
	if (argc == 4 && strcmp(argv[1], "check") == 0)
		return check(argv[2], argv[3]);
	if (argc == 5 && strcmp(argv[1], "audit") == 0)
		clear_flush_failed(argv[2]);
	if (argc >= 4 && strcmp(argv[1], "audit") == 0)
		return audit(argv[2], argv[3]);
	return 2;
}
