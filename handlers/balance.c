/* balance.c: GET /v1/balance: what there is, what is held, what was spent. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "handlers/endpoint.h"

enum { BALANCE_SIZE = 640 };

/* The key's own budget as the last member, or nothing. */
static void
format_budget(const struct key *key, char *text, size_t size)
{
	char limit[MONEY_TEXT_SIZE], spent[MONEY_TEXT_SIZE];
	char held[MONEY_TEXT_SIZE], remaining[MONEY_TEXT_SIZE];
	money left = MONEY_ZERO;

	text[0] = '\0';
	if (!key->has_budget)
		return;
	/* spent + held <= budget, so neither step can fail. */
	if (money_sub(key->budget, key->spent, &left))
		money_sub(left, key->held, &left);
	snprintf(text, size, ",\"key_budget\":{\"limit\":%s,\"spent\":%s,"
	    "\"held\":%s,\"remaining\":%s}",
	    money_format(key->budget, limit), money_format(key->spent, spent),
	    money_format(key->held, held), money_format(left, remaining));
}

/* What authentication saw may be of a charge that was not over. */
static enum store_rc
read_sums(const struct exchange *x, struct account *account, struct key *key)
{
	enum store_rc rc = account_get(x->store, x->account.number, account);

	return rc == STORE_OK ? key_get(x->store, x->key.number, key) : rc;
}

/*
 * Put together as text: a JSON library would take the sums through floating
 * point, and they are exact. The names of plans need no quoting.
 */
bool
balance_handle(struct exchange *x)
{
	struct account account;
	struct key key;
	char balance[MONEY_TEXT_SIZE], spent[MONEY_TEXT_SIZE];
	char held[MONEY_TEXT_SIZE], available[MONEY_TEXT_SIZE];
	char updated[CLOCK_TEXT_SIZE];
	char budget[BALANCE_SIZE / 2], text[BALANCE_SIZE];
	enum store_rc rc = read_sums(x, &account, &key);
	char *copy;

	if (rc != STORE_OK) {
		exchange_detail(x, "the balance: %s", store_rc_text(rc));
		return exchange_fail(x, ERR_CREDIT_CHECK_FAILED, NULL, NULL);
	}
	format_budget(&key, budget, sizeof(budget));
	snprintf(text, sizeof(text), "{\"balance\":%s,\"currency\":\"USD\","
	    "\"total_spent\":%s,\"last_updated\":\"%s\",\"quota\":%" PRId64
	    ",\"held\":%s,\"available\":%s,\"plan\":\"%s\"%s}",
	    money_format(account.balance, balance),
	    money_format(account.spent, spent),
	    clock_format(account.updated_ms, updated),
	    money_quota(account.balance),
	    money_format(account.held, held),
	    money_format(account_available(&account), available),
	    conf_plan_of(x->conf, account.plan)->name, budget);
	copy = strdup(text);
	if (!copy)
		return exchange_fail(x, ERR_GATEWAY_ERROR, NULL, NULL);
	exchange_answer_owned(x, 200, "application/json", copy, strlen(copy));
	return true;
}
