/* serve_credit.c: the hold before the work, and its end after it. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/serve_private.h"
#include "handlers/bill.h"
#include "handlers/endpoint.h"
#include "handlers/error_body.h"

static const char *
why(const struct exchange *x)
{
	return x->store ? store_why(x->store) : "it is not open";
}

static bool
store_failed(struct exchange *x, const char *verb, enum store_rc rc)
{
	exchange_detail(x, "%s: %s: %s", verb, store_rc_text(rc), why(x));
	return exchange_fail(x, ERR_CREDIT_CHECK_FAILED, NULL, NULL);
}

/* How a request is made cheaper. */
static const char *
less(const struct exchange *x)
{
	return x->worst.output_tokens > 0 &&
	       x->model->kind != MODEL_TRANSCRIPTION ? "lower max_tokens" :
	    "ask for less at a time";
}

static bool
no_balance(struct exchange *x)
{
	char need[MONEY_TEXT_SIZE], have[MONEY_TEXT_SIZE];

	return exchange_fail(x, ERR_INSUFFICIENT_QUOTA, NULL,
	    "This request may cost up to %s USD, and the account has %s USD "
	    "available. Top it up, or %s.",
	    money_format(x->hold.amount, need),
	    money_format(x->hold.left, have), less(x));
}

static bool
no_budget(struct exchange *x)
{
	char need[MONEY_TEXT_SIZE], have[MONEY_TEXT_SIZE];

	return exchange_fail(x, ERR_INSUFFICIENT_QUOTA, NULL,
	    "This request may cost up to %s USD, and the key's budget has "
	    "%s USD left. Use another key, or %s.",
	    money_format(x->hold.amount, need),
	    money_format(x->hold.left, have), less(x));
}

/* What costs nothing may be limited to those who could pay. */
static bool
is_allowed_for_nothing(const struct exchange *x)
{
	return x->model->free == FREE_YES ||
	       account_available(&x->account).nano > 0;
}

bool
serve_hold(struct exchange *x)
{
	enum store_rc rc;

	x->hold.id = x->id;
	x->hold.account = x->key.account;
	x->hold.key = x->key.number;
	snprintf(x->hold.model, sizeof(x->hold.model), "%s", x->model->id);
	if (!bill_worst(x->model, &x->worst, &x->hold.amount))
		return exchange_fail(x, ERR_REQUEST_TOO_LARGE, NULL, NULL);
	if (x->hold.amount.nano == 0 && !is_allowed_for_nothing(x))
		return exchange_fail(x, ERR_INSUFFICIENT_QUOTA, NULL,
		    "The account's balance is used up, and this model needs "
		    "one although the request costs nothing. Top it up.");
	rc = ledger_hold(x->store, &x->hold);
	switch (rc) {
	case STORE_OK:
		x->held = true;
		return true;
	case STORE_NO_BALANCE:
		return no_balance(x);
	case STORE_NO_BUDGET:
		return no_budget(x);
	case STORE_NOT_ACTIVE:
		return exchange_fail(x, ERR_INVALID_API_KEY, NULL,
		    "This API key or its account may not be used any more. "
		    "Use another key, or ask the operator.");
	case STORE_OUT_OF_RANGE:
		return exchange_fail(x, ERR_REQUEST_TOO_LARGE, NULL, NULL);
	case STORE_EXISTS:
		/* Since it was recalled, another has taken its name. */
		return exchange_fail(x, ERR_IDEMPOTENCY_RUNNING, NULL, NULL);
	case STORE_NOT_FOUND:
	case STORE_CORRUPT:
	case STORE_UNAVAILABLE:
		return store_failed(x, "hold", rc);
	}
	return store_failed(x, "hold", STORE_CORRUPT);
}

/* The record of the request as it stands now. */
static void
fill_usage(const struct exchange *x, struct usage *usage)
{
	bool failed = x->err != ERR_NONE;

	*usage = (struct usage){
		.id = x->id,
		.account = x->key.account,
		.key = x->key.number,
		.http = failed ? error_body_http(x) : x->http,
#define AMOUNT(name, doc) .name = x->used.name,
#include "base/amount.def"
#undef AMOUNT
		.hold = x->hold.amount,
		.latency_ms = (clock_mono_us() - x->started_us) / 1000,
		.upstream_ms = x->upstream_us / 1000,
		.flags = x->usage_flags,
	};
	snprintf(usage->code, sizeof(usage->code), "%s",
	    failed ? error_body_code(x) : "");
	snprintf(usage->model, sizeof(usage->model), "%s",
	    x->model ? x->model->id : "");
	snprintf(usage->attempts, sizeof(usage->attempts), "%s", x->attempts);
}

static enum ledger_excess
excess_of(const struct conf *conf)
{
	switch ((enum hold_input)conf->hold_input) {
	case HOLD_INPUT_BOUND:
		return LEDGER_CAP;
	case HOLD_INPUT_ESTIMATE:
		return LEDGER_EXTEND;
	}
	return LEDGER_CAP;
}

static bool
charge(struct exchange *x)
{
	struct usage usage;
	enum store_rc rc;

	fill_usage(x, &usage);
	usage.has_upstream_cost = x->route && bill_cost(x->route, &x->used,
	    &usage.upstream_cost);
	if (!bill_price(x->model, &x->used, &usage.cost)) {
		/* Counts that no bill can hold: the hold is the bill. */
		usage.cost = x->hold.amount;
		usage.flags |= USAGE_CAPPED;
	}
	rc = ledger_settle(x->store, &x->hold, excess_of(x->conf), &usage,
	    serve_keep(x));
	if (rc != STORE_OK) {
		/* What is not recorded for good must not be acknowledged. */
		exchange_detail(x, "settle: %s: %s", store_rc_text(rc),
		    why(x));
		return exchange_fail(x, ERR_CREDIT_CHECK_FAILED, NULL,
		    x->began ? "The charge of this answer could not be "
		    "recorded, so it is not complete, and nothing was charged. "
		    "Try again." :
		    "The answer was made, and is withheld because its charge "
		    "could not be recorded. Try again.");
	}
	x->held = false;
	x->cost = usage.cost;
	x->has_cost = true;
	x->usage_flags = usage.flags;
	return true;
}

static void
let_go(struct exchange *x)
{
	struct usage usage;
	enum store_rc rc;

	fill_usage(x, &usage);
	rc = ledger_release(x->store, &x->hold, &usage);
	x->held = false;
	if (rc == STORE_OK) {
		x->has_cost = x->err == ERR_NONE;
		return;
	}
	x->hold_lost = true;
	log_line(LOG_LEVEL_ERROR, "request=%s msg=\"the hold could not be "
	    "released: %s: %s; this process ends, and who finds it gone "
	    "releases it\"", x->id_text, store_rc_text(rc), why(x));
}

static void
record_unmetered(struct exchange *x)
{
	struct usage usage;
	enum store_rc rc;

	fill_usage(x, &usage);
	rc = usage_append(x->store, &usage);
	if (rc != STORE_OK)
		log_line(LOG_LEVEL_WARNING, "request=%s msg=\"no usage record "
		    "could be written: %s: %s\"", x->id_text,
		    store_rc_text(rc), why(x));
}

/* Of an answer that failed is billed what was delivered before it did. */
static bool
is_billed(const struct exchange *x)
{
	return x->produced && (x->err == ERR_NONE || x->began);
}

/*
 * Those whom a limit refuses are many and cost nothing, and are to remain so:
 * they have a line in the log, and no usage record.
 */
static bool
is_refused(const struct exchange *x)
{
	return x->err == ERR_RATE_LIMIT || x->err == ERR_TOKEN_RATE_LIMIT ||
	       x->err == ERR_CONCURRENCY_LIMIT || x->err == ERR_GATEWAY_BUSY;
}

void
serve_settle(struct exchange *x)
{
	if (x->held) {
		if (!is_billed(x) || !charge(x))
			let_go(x);
	} else if (x->authenticated && x->endpoint->needs & NEEDS_CREDIT &&
	    !is_refused(x)) {
		record_unmetered(x);
	}
}
