/* serve_limit.c: whether a request may come now: the limits of plans and keys.
 *
 * A request that costs money enters before its body is read, and is counted in
 * its minute when it is known how many tokens it may use. */
#include <inttypes.h>

#include "base/address.h"
#include "base/conf.h"
#include "fcgi/serve_private.h"
#include "handlers/endpoint.h"

static int64_t
own_or(int64_t own, int64_t plans)
{
	return own == KEY_LIMIT_PLAN ? plans : own;
}

/* Without spare workers a request waits until it is its turn. */
static int64_t
pool_max(const struct exchange *x)
{
	return x->conf->workers_spare > 0 ? x->workers : 0;
}

static void
set_limits(struct exchange *x)
{
	const struct plan *plan = conf_plan_of(x->conf, x->account.plan);
	const struct key_limits *own = &x->key.limits;

	x->limits = (struct limit_ask){
		.account = x->key.account,
		.key = x->key.number,
		.rpm = own_or(own->rpm, plan->rpm),
		.tpm = own_or(own->tpm, plan->tpm),
		.tps = own_or(own->tps, plan->tps),
		.concurrency = own_or(own->concurrency, plan->concurrency),
		.account_concurrency = plan->account_concurrency,
		.pool_max = pool_max(x),
		.pool_wait_ms = x->conf->busy_wait_ms,
	};
}

/* Tenths of a second, rounded up, for a sentence. */
static const char *
wait_text(struct exchange *x)
{
	int64_t tenths = (x->limits_left.wait_ms + 99) / 100;
	const char *text = arena_printf(x->arena, "%" PRId64 ".%" PRId64 " s",
	    tenths / 10, tenths % 10);

	return text ? text : "a while";
}

static bool
refuse(struct exchange *x, enum limit_rc rc)
{
	const struct limit_ask *ask = &x->limits;

	x->retry_after_ms = x->limits_left.wait_ms;
	switch (rc) {
	case LIMIT_OK:
		return true;
	case LIMIT_REQUESTS:
		return exchange_fail(x, ERR_RATE_LIMIT, NULL,
		    "This key may make %" PRId64 " requests in any minute, and "
		    "has. Try again in %s.", ask->rpm, wait_text(x));
	case LIMIT_TOKENS:
		return exchange_fail(x, ERR_TOKEN_RATE_LIMIT, NULL,
		    "This key may use %" PRId64 " tokens in any minute, and "
		    "this request may need more than is left of them. Try "
		    "again in %s, or lower max_tokens.", ask->tpm,
		    wait_text(x));
	case LIMIT_OUTPUT:
		return exchange_fail(x, ERR_TOKEN_RATE_LIMIT, NULL,
		    "This key gets %" PRId64 " tokens of output per second, "
		    "and had more in the last minute. Try again in %s.",
		    ask->tps, wait_text(x));
	case LIMIT_KEY_CONCURRENCY:
		return exchange_fail(x, ERR_CONCURRENCY_LIMIT, NULL,
		    "This key may have %" PRId64 " requests at once, and has. "
		    "Try again when one of them has ended.",
		    ask->concurrency);
	case LIMIT_ACCOUNT_CONCURRENCY:
		return exchange_fail(x, ERR_CONCURRENCY_LIMIT, NULL,
		    "This account may have %" PRId64 " requests at once, and "
		    "has. Try again when one of them has ended.",
		    ask->account_concurrency);
	case LIMIT_POOL:
		return exchange_fail(x, ERR_GATEWAY_BUSY, NULL,
		    "Every worker of the gateway waits for a provider. Nothing "
		    "was charged; try again.");
	case LIMIT_UNAVAILABLE:
		break;
	}
	exchange_detail(x, "the limits cannot be told");
	return exchange_fail(x, ERR_CREDIT_CHECK_FAILED, NULL, NULL);
}

bool
serve_stranger(struct exchange *x)
{
	struct address address;
	enum limit_rc rc;

	if (x->err != ERR_INVALID_API_KEY || !x->store ||
	    !x->conf->address_rpm || !address_of_client(
	    exchange_variable(x, "REMOTE_ADDR"),
	    exchange_variable(x, "HTTP_X_FORWARDED_FOR"),
	    x->conf->trusted_proxies, &address))
		return false;
	rc = limit_address(x->store, &address, x->conf->address_rpm,
	    &x->limits_left);
	x->limits.rpm = x->conf->address_rpm;
	x->has_limits = rc != LIMIT_UNAVAILABLE;
	if (rc != LIMIT_REQUESTS)
		return false;
	exchange_forgive(x);
	x->retry_after_ms = x->limits_left.wait_ms;
	return exchange_fail(x, ERR_RATE_LIMIT, NULL,
	    "There were more than %" PRId64 " requests without a valid key "
	    "from this address within a minute. Try again in %s, with a valid "
	    "key.", x->conf->address_rpm, wait_text(x));
}

bool
serve_admit(struct exchange *x)
{
	enum limit_rc rc;

	set_limits(x);
	if (!(x->endpoint->needs & NEEDS_CREDIT)) {
		x->has_limits = limit_look(x->store, &x->limits,
		    &x->limits_left) == LIMIT_OK;
		return true;
	}
	rc = limit_enter(x->store, &x->limits, &x->pass, &x->limits_left);
	x->has_limits = rc != LIMIT_UNAVAILABLE;
	return refuse(x, rc);
}

/* What no window can hold is not for waiting. */
static bool
fits_window(struct exchange *x, int64_t tokens)
{
	if (!x->limits.tpm || tokens <= x->limits.tpm)
		return true;
	return exchange_fail(x, ERR_REQUEST_TOO_LARGE, NULL,
	    "This request may use %" PRId64 " tokens (%" PRId64 " of input, as "
	    "estimated, and %" PRId64 " of output), and this key may use "
	    "%" PRId64 " in any minute. Make it smaller, or lower max_tokens.",
	    tokens, x->tokens_estimate, tokens - x->tokens_estimate,
	    x->limits.tpm);
}

bool
serve_limit(struct exchange *x)
{
	const struct plan *plan = conf_plan_of(x->conf, x->account.plan);
	int64_t tokens;

	if (plan->per_model == PER_MODEL_YES)
		x->limits.model = x->model->id;
	if (__builtin_add_overflow(x->tokens_estimate, x->worst.output_tokens,
	    &tokens))
		tokens = INT64_MAX;
	if (!fits_window(x, tokens))
		return false;
	return refuse(x, limit_take(x->store, &x->limits, tokens, &x->pass,
	    &x->limits_left));
}

/* A request that was wrong counts like one that was right: it may not be made
 * any number of times either. */
static bool
is_clients_fault(const struct exchange *x)
{
	int http = x->err != ERR_NONE ? err_row(x->err)->http : 0;

	return http >= 400 && http < 500 && http != 429;
}

void
serve_leave(struct exchange *x)
{
	struct limit_state state;
	int64_t output = x->began ? 0 : x->used.output_tokens;

	if (!x->pass.entered)
		return;
	if (!x->pass.taken && is_clients_fault(x) && limit_take(x->store,
	    &x->limits, 0, &x->pass, &state) == LIMIT_OK)
		x->limits_left = state;
	limit_leave(x->store, &x->pass,
	    x->used.input_tokens + x->used.output_tokens, output);
}
