/* fill.c: fills a new store with accounts, keys and usage records. */
/*
 * Through the store's own transactions, without flushes: what is measured
 * later is a store as years of work leave it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/key.h"
#include "db/ledger.h"

enum {
	NAME_SIZE = 32,
	MAINTAIN_EVERY = 1000,
	SECONDS_APART_MS = 1000, /* of the records' times */
};

static const char usage_text[] =
"usage: fill DIR ACCOUNTS KEYS RECORDS USD KEY-FILE\n"
"\n"
"Adds ACCOUNTS accounts with USD dollars each to the store in DIR, KEYS keys\n"
"that are spread over them, and RECORDS usage records likewise. The secret of\n"
"the first key of each account is a line of KEY-FILE.\n";

static struct store *store;

static void
must(enum store_rc rc, const char *what)
{
	if (rc == STORE_OK)
		return;
	fprintf(stderr, "fill: %s: %s: %s\n", what, store_rc_text(rc),
	    store ? store_why(store) : "");
	exit(EXIT_FAILURE);
}

/* Checkpoints, or the log of it all would stay. */
static void
keep_house(uint64_t n)
{
	if (n % MAINTAIN_EVERY == 0)
		store_maintain(store);
}

static void
add_accounts(uint32_t n, int64_t usd, uint32_t *first)
{
	for (uint32_t i = 0; i < n; i++) {
		struct account account;
		char name[NAME_SIZE];

		snprintf(name, sizeof(name), "bench-%" PRId64 "-%" PRIu32,
		    clock_mono_us(), i);
		must(account_create(store, name, &account), "an account");
		if (usd > 0)
			must(ledger_credit(store, account.number,
			    ENTRY_DEPOSIT, MONEY_USD(usd), "", &account),
			    "a deposit");
		if (i == 0)
			*first = account.number;
		keep_house(i);
	}
}

static void
add_keys(uint32_t n, uint32_t first, uint32_t accounts, FILE *secrets)
{
	for (uint32_t i = 0; i < n; i++) {
		struct key_spec spec = {
			.account = first + i % accounts,
			.brand = "farebox",
			.label = "bench",
			.scope = KEY_SCOPE_ALL,
		};
		char secret[KEY_SECRET_SIZE];
		struct key key;

		must(key_create(store, &spec, secret, &key), "a key");
		if (i < accounts)
			fprintf(secrets, "%s\n", secret);
		keep_house(i);
	}
}

static void
add_records(uint64_t n, uint32_t first, uint32_t accounts)
{
	int64_t now_ms = clock_wall_ms();

	for (uint64_t i = 0; i < n; i++) {
		struct usage usage = {
			.account = first + (uint32_t)(i % accounts),
			.key = 1,
			.http = 200,
			.model = "bench",
			.input_tokens = 20,
			.output_tokens = 14,
			.latency_ms = 1,
		};

		if (!request_id_make(&usage.id, now_ms - SECONDS_APART_MS *
		    (int64_t)((n - i) / accounts)))
			must(STORE_UNAVAILABLE, "a request's ID");
		must(usage_append(store, &usage), "a usage record");
		keep_house(i);
	}
}

int
main(int argc, char **argv)
{
	struct store_options options = { .flush = false };
	char why[STORE_WHY_SIZE] = "";
	uint32_t accounts, first = 0;
	FILE *secrets;

	if (argc != 7 || atoi(argv[2]) <= 0) {
		fputs(usage_text, stderr);
		return 2;
	}
	options.dir = argv[1];
	accounts = (uint32_t)atoi(argv[2]);
	secrets = fopen(argv[6], "w");
	if (!secrets || store_open(&store, &options, why) != STORE_OK) {
		fprintf(stderr, "fill: cannot open %s\n",
		    secrets ? why : argv[6]);
		return EXIT_FAILURE;
	}
	add_accounts(accounts, atoll(argv[5]), &first);
	add_keys((uint32_t)atoi(argv[3]), first, accounts, secrets);
	add_records(strtoull(argv[4], NULL, 10), first, accounts);
	store_close(store);
	return fclose(secrets) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
