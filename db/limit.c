/* limit.c: how many requests and tokens a key may have, and at once. */
#include "db/limit.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/process.h"
#include "db/shared.h"
#include "db/store_private.h"
#include "db/window_private.h"

enum {
	BLOCKS_FIRST = 512,
	BLOCKS_MAX = 131072,       /* 64 MiB */
	GROW_PART = 4,             /* by which part of what there is */
	OUTPUT_SECONDS = 60,
	STALE_US = 2000000,        /* then it may be a dead process's */
	POOL_NAP_US = 1000,
};

/* What the process of a slot of the gate is doing. */
struct running {
	process_id process;        /* 0: nothing */
	int64_t since_us;
	uint32_t account, key;
	uint64_t provider;         /* a hash of its name; 0: none is asked */
	uint32_t pool;             /* the parent of the process */
	uint32_t unused;
};

struct limits {
	int64_t moved_us;          /* when one last entered or left */
	uint32_t n_running;        /* slots ever used: below this */
	uint32_t unused;
	struct running running[GATE_SLOTS];
	struct window_table windows; /* the blocks follow */
};

static void
clear(void *data, size_t bytes)
{
	struct limits *limits = data;

	window_clear(&limits->windows, window_blocks(bytes -
	    offsetof(struct limits, windows)));
}

static bool
mend(void *data, size_t bytes)
{
	struct limits *limits = data;

	(void)bytes;
	return limits->n_running <= GATE_SLOTS && window_mend(&limits->windows);
}

#define LIMITS_BYTES(n_blocks) (sizeof(struct limits) + \
	(size_t)((n_blocks) - 1) * BLOCK_BYTES)

static const struct shared_kind kind = {
	.name = "limits.shared",
	.version = 1,
	.bytes = LIMITS_BYTES(BLOCKS_FIRST),
	.bytes_max = LIMITS_BYTES(BLOCKS_MAX),
	.clear = clear,
	.mend = mend,
};

static struct limits *
begin(struct store *store)
{
	if (!store->limits)
		store->limits = shared_open(store->dir, &kind);
	return store->limits ? shared_lock(store->limits) : NULL;
}

static void
end(struct store *store)
{
	shared_unlock(store->limits);
}

/* Room for one more window, where there can be. */
static void
make_room(struct store *store, struct limits *limits, int64_t now_us)
{
	struct window_table *windows = &limits->windows;
	uint32_t n = windows->n_blocks + windows->n_blocks / GROW_PART;

	if (!window_is_short(windows, now_us))
		return;
	if (n > BLOCKS_MAX)
		n = BLOCKS_MAX;
	if (n > windows->n_blocks &&
	    shared_grow(store->limits, LIMITS_BYTES(n)))
		windows->n_blocks = n;
}

static enum limit_rc
verdict(enum window_rc rc)
{
	switch (rc) {
	case WINDOW_OK:
		return LIMIT_OK;
	case WINDOW_REQUESTS:
		return LIMIT_REQUESTS;
	case WINDOW_TOKENS:
		return LIMIT_TOKENS;
	case WINDOW_OUTPUT:
		return LIMIT_OUTPUT;
	case WINDOW_NO_ROOM:
		break;
	}
	return LIMIT_UNAVAILABLE;
}

/* Rounded up, so that who waits as long comes not too early. */
static int64_t
ms_until(int64_t when_us, int64_t now_us)
{
	return when_us > now_us ? (when_us - now_us + 999) / 1000 : 0;
}

static int64_t
left_of(int64_t limit, int64_t used)
{
	return limit > used ? limit - used : 0;
}

static void
tell(const struct window_limits *limits, const struct window_sums *sums,
    enum window_rc rc, int64_t when_us, int64_t now_us,
    struct limit_state *state)
{
	*state = (struct limit_state){
		.requests_left = left_of(limits->requests, sums->requests),
		.tokens_left = left_of(limits->tokens, sums->tokens),
		.empty_ms = ms_until(sums->empty_us, now_us),
		.wait_ms = rc == WINDOW_OK ? 0 : ms_until(when_us, now_us),
	};
}

static uint64_t
hash_of(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

	while (*text)
		hash = (hash ^ (unsigned char)*text++) * 0x100000001b3;
	return hash ? hash : 1;
}

enum { ID_KEY = 1, ID_ADDRESS };

static void
identify(const struct limit_ask *ask, struct window_id *id)
{
	uint64_t hash;

	*id = (struct window_id){ { ID_KEY } };
	memcpy(id->bytes + 4, &ask->key, sizeof(ask->key));
	if (!ask->model)
		return;
	hash = hash_of(ask->model);
	memcpy(id->bytes + 8, &hash, sizeof(hash));
}

static struct window_limits
limits_of(const struct limit_ask *ask)
{
	return (struct window_limits){
		.requests = ask->rpm,
		.tokens = ask->tpm,
		.output = ask->tps * OUTPUT_SECONDS,
	};
}

static bool
has_window(const struct limit_ask *ask)
{
	return ask->rpm || ask->tpm || ask->tps;
}

static struct running *
own_of(const struct store *store, struct limits *limits)
{
	uint32_t slot = gate_slot(store->gate);

	if (limits->n_running <= slot)
		limits->n_running = slot + 1;
	return &limits->running[slot];
}

/* What counts a slot among those that a limit is about. */
typedef bool counts(const struct running *running, const struct running *own);

static bool
is_of_key(const struct running *running, const struct running *own)
{
	return running->key == own->key;
}

static bool
is_of_account(const struct running *running, const struct running *own)
{
	return running->account == own->account;
}

static bool
is_of_pool(const struct running *running, const struct running *own)
{
	return running->pool == own->pool;
}

static bool
is_of_provider(const struct running *running, const struct running *own)
{
	return running->provider == own->provider;
}

/*
 * Whether as many as max run besides own. A process that was killed has not
 * taken itself out; those that have run for a while are looked at before
 * anybody is refused because of them.
 */
static bool
is_full(struct limits *limits, const struct running *own, counts *is_of,
    int64_t max, int64_t now_us)
{
	int64_t n = 0;

	for (uint32_t i = 0; i < limits->n_running; i++) {
		const struct running *one = &limits->running[i];

		n += one->process && one != own && is_of(one, own);
	}
	if (n < max)
		return false;
	for (uint32_t i = 0; i < limits->n_running; i++) {
		struct running *one = &limits->running[i];

		if (!one->process || one == own || !is_of(one, own) ||
		    now_us - one->since_us < STALE_US ||
		    process_is_alive(one->process))
			continue;
		*one = (struct running){ 0 };
		n--;
	}
	return n >= max;
}

/* Who is refused for good before the pool is looked at. */
static enum limit_rc
refuses(struct limits *limits, const struct limit_ask *ask,
    const struct running *own, int64_t now_us)
{
	if (ask->concurrency && is_full(limits, own, is_of_key,
	    ask->concurrency, now_us))
		return LIMIT_KEY_CONCURRENCY;
	if (ask->account_concurrency && is_full(limits, own, is_of_account,
	    ask->account_concurrency, now_us))
		return LIMIT_ACCOUNT_CONCURRENCY;
	if (ask->pool_max && is_full(limits, own, is_of_pool, ask->pool_max,
	    now_us))
		return LIMIT_POOL;
	return LIMIT_OK;
}

static void
look(struct limits *limits, const struct limit_ask *ask, int64_t now_us,
    enum window_rc *rc, struct limit_state *state)
{
	struct window_limits most = limits_of(ask);
	struct window_sums sums;
	struct window_id id;
	int64_t when_us;

	identify(ask, &id);
	*rc = window_look(&limits->windows, &id, &most, 0, now_us, &sums,
	    &when_us);
	tell(&most, &sums, *rc, when_us, now_us, state);
}

static enum limit_rc
try_to_enter(const struct store *store, struct limits *limits,
    const struct limit_ask *ask, int64_t now_us, struct limit_state *state)
{
	struct running *own = own_of(store, limits);
	enum window_rc rc = WINDOW_OK;
	enum limit_rc refusal;

	/* Before the model is known, its window is not. */
	if (has_window(ask) && !ask->model)
		look(limits, ask, now_us, &rc, state);
	if (rc != WINDOW_OK)
		return verdict(rc);
	own->account = ask->account;
	own->key = ask->key;
	own->pool = (uint32_t)getppid();
	own->provider = 0;
	refusal = refuses(limits, ask, own, now_us);
	if (refusal != LIMIT_OK)
		return refusal;
	own->since_us = limits->moved_us = now_us;
	own->process = gate_process(store->gate);
	return LIMIT_OK;
}

enum limit_rc
limit_enter(struct store *store, const struct limit_ask *ask,
    struct limit_pass *pass, struct limit_state *state)
{
	struct limits *limits;
	enum limit_rc rc;
	int64_t now_us;
	bool waits;

	*pass = (struct limit_pass){ 0 };
	*state = (struct limit_state){ 0 };
	do {
		limits = begin(store);
		if (!limits)
			return LIMIT_UNAVAILABLE;
		now_us = clock_boot_us();
		rc = try_to_enter(store, limits, ask, now_us, state);
		/* As long as requests come and go one may soon be over. */
		waits = rc == LIMIT_POOL && now_us - limits->moved_us <
		    ask->pool_wait_ms * 1000;
		end(store);
		if (waits)
			clock_sleep_us(POOL_NAP_US);
	} while (waits);
	pass->entered = rc == LIMIT_OK;
	return rc;
}

enum limit_rc
limit_take(struct store *store, const struct limit_ask *ask, int64_t tokens,
    struct limit_pass *pass, struct limit_state *state)
{
	struct window_limits most = limits_of(ask);
	struct window_mark mark;
	struct window_sums sums;
	struct limits *limits;
	struct window_id id;
	enum window_rc rc;
	int64_t now_us, when_us;

	*state = (struct limit_state){ 0 };
	if (!has_window(ask))
		return LIMIT_OK;
	limits = begin(store);
	if (!limits)
		return LIMIT_UNAVAILABLE;
	now_us = clock_boot_us();
	make_room(store, limits, now_us);
	identify(ask, &id);
	rc = window_take(&limits->windows, &id, &most, tokens, now_us, &sums,
	    &when_us, &mark);
	tell(&most, &sums, rc, when_us, now_us, state);
	end(store);
	pass->taken = rc == WINDOW_OK;
	pass->window = mark.window;
	pass->block = mark.block;
	pass->index = mark.index;
	pass->seq = mark.seq;
	pass->tokens = mark.tokens;
	return verdict(rc);
}

void
limit_leave(struct store *store, const struct limit_pass *pass,
    int64_t tokens, int64_t output)
{
	struct window_mark mark = {
		.window = pass->window,
		.block = pass->block,
		.index = pass->index,
		.seq = pass->seq,
		.tokens = pass->tokens,
	};
	struct limits *limits;
	int64_t now_us;

	if (!pass->entered && !pass->taken)
		return;
	limits = begin(store);
	if (!limits)
		return;
	now_us = clock_boot_us();
	if (pass->taken)
		window_end(&limits->windows, &mark, tokens, output, now_us);
	if (pass->entered) {
		*own_of(store, limits) = (struct running){ 0 };
		limits->moved_us = now_us;
	}
	end(store);
}

enum limit_rc
limit_look(struct store *store, const struct limit_ask *ask,
    struct limit_state *state)
{
	struct limits *limits;
	enum window_rc rc;

	*state = (struct limit_state){ 0 };
	limits = begin(store);
	if (!limits)
		return LIMIT_UNAVAILABLE;
	look(limits, ask, clock_boot_us(), &rc, state);
	end(store);
	return LIMIT_OK;
}

/* Whoever has one address of a /64 of IPv6 has them all. */
static void
identify_address(const struct address *address, struct window_id *id)
{
	enum { NET_BYTES = 8 };

	*id = (struct window_id){ { ID_ADDRESS } };
	id->bytes[1] = address->family;
	memcpy(id->bytes + 8, address->byte,
	    address->family == ADDRESS_V6 ? NET_BYTES : ADDRESS_BYTES);
}

enum limit_rc
limit_address(struct store *store, const struct address *address, int64_t rpm,
    struct limit_state *state)
{
	struct window_limits most = { .requests = rpm };
	struct window_mark mark;
	struct window_sums sums;
	struct limits *limits;
	struct window_id id;
	enum window_rc rc;
	int64_t now_us, when_us;

	*state = (struct limit_state){ 0 };
	limits = begin(store);
	if (!limits)
		return LIMIT_UNAVAILABLE;
	now_us = clock_boot_us();
	make_room(store, limits, now_us);
	identify_address(address, &id);
	rc = window_take(&limits->windows, &id, &most, 0, now_us, &sums,
	    &when_us, &mark);
	window_end(&limits->windows, &mark, 0, 0, now_us);
	tell(&most, &sums, rc, when_us, now_us, state);
	end(store);
	return verdict(rc);
}

bool
limit_ask_provider(struct store *store, const char *provider,
    int64_t concurrency)
{
	struct limits *limits = begin(store);
	struct running *own;
	bool may;

	if (!limits)
		return concurrency == 0;
	own = own_of(store, limits);
	own->provider = hash_of(provider);
	may = !concurrency || !is_full(limits, own, is_of_provider,
	    concurrency, clock_boot_us());
	if (!may)
		own->provider = 0;
	end(store);
	return may;
}
