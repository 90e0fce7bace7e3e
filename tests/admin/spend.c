/* spend.c: pays for one request, as a worker would: DIR ACCOUNT KEY MODEL
 * NANO-USD. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/ledger.h"
#include "db/store.h"
#include "db/usage.h"

static enum store_rc
spend(struct store *store, char **words)
{
	struct hold hold = {
		.account = (uint32_t)strtoul(words[0], NULL, 10),
		.key = (uint32_t)strtoul(words[1], NULL, 10),
		.amount = { strtoll(words[3], NULL, 10) },
	};
	struct usage usage = { .http = 200, .input_tokens = 7 };
	enum store_rc rc;

	if (!request_id_make(&hold.id, clock_wall_ms()))
		return STORE_UNAVAILABLE;
	snprintf(hold.model, sizeof(hold.model), "%s", words[2]);
	usage.id = hold.id;
	usage.account = hold.account;
	usage.key = hold.key;
	usage.cost = hold.amount;
	usage.hold = hold.amount;
	memcpy(usage.model, hold.model, sizeof(usage.model));
	rc = ledger_hold(store, &hold);
	return rc == STORE_OK ?
	    ledger_settle(store, &hold, LEDGER_CAP, &usage, NULL) : rc;
}

int
main(int argc, char **argv)
{
	struct store_options options = { .flush = true };
	struct store *store;
	char why[STORE_WHY_SIZE];
	enum store_rc rc;

	if (argc != 6)
		return 2;
	options.dir = argv[1];
	if (store_open(&store, &options, why) != STORE_OK) {
		fprintf(stderr, "spend: %s\n", why);
		return 1;
	}
	rc = spend(store, argv + 2);
	if (rc != STORE_OK)
		fprintf(stderr, "spend: %s: %s\n", store_rc_text(rc),
		    store_why(store));
	store_close(store);
	return rc == STORE_OK ? 0 : 1;
}
