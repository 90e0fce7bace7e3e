/* rivals.c: at a balance of exactly k holds, exactly k of n rivals get one. */
/*
 * rivals [--rounds N] [--seed N]
 *
 * Each round a fresh account, or a fresh key's budget, can carry k holds that
 * are wholly spent, and 2 to 64 processes ask for one each at the same time.
 */
#include <getopt.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/store/scratch.h"

enum {
	ROUNDS = 100,
	ROUNDS_LONG = 10000,
	RIVALS_MAX = 64,
	HOLD_NANO = 1000,
	ROUND_MS = 120000,
	NAP_US = 100,
};

/* Shared by all. */
struct ring {
	sem_t start[RIVALS_MAX]; /* a round begins, for each who takes part */
	_Atomic bool over;
	_Atomic uint32_t ready;
	_Atomic uint32_t admitted, refused, failed, done;
	uint32_t account, key;
	enum store_rc refusal;
};

struct game {
	struct ring *ring;
	char dir[64];
	int rounds;
	unsigned seed;
	pid_t pids[RIVALS_MAX];
	struct store *store;
	int wrong;
};

static void
compete(struct ring *ring, struct store *store)
{
	struct key key = { .number = ring->key, .account = ring->account };
	struct hold hold = scratch_hold(&key, (money){ HOLD_NANO });
	struct usage usage = scratch_usage(&hold, hold.amount);
	enum store_rc rc = ledger_hold(store, &hold);

	if (rc == STORE_OK)
		rc = ledger_settle(store, &hold, LEDGER_CAP, &usage, NULL);
	if (rc == STORE_OK)
		atomic_fetch_add(&ring->admitted, 1);
	else if (rc == ring->refusal)
		atomic_fetch_add(&ring->refused, 1);
	else
		atomic_fetch_add(&ring->failed, 1);
	atomic_fetch_add(&ring->done, 1);
}

static void
await(sem_t *start)
{
	while (sem_wait(start) != 0)
		continue;
}

static void
rival(struct game *game, uint32_t number)
{
	struct store *store = scratch_open(game->dir);
	struct ring *ring = game->ring;

	atomic_fetch_add(&ring->ready, 1);
	await(&ring->start[number]);
	while (!atomic_load(&ring->over)) {
		compete(ring, store);
		await(&ring->start[number]);
	}
	store_close(store);
	_exit(0);
}

static bool
wait_for(_Atomic uint32_t *count, uint32_t n)
{
	int64_t end_us = clock_mono_us() + ROUND_MS * INT64_C(1000);

	while (atomic_load(count) < n) {
		if (clock_mono_us() > end_us)
			return false;
		clock_sleep_us(NAP_US);
	}
	return true;
}

static void
start(struct ring *ring, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		sem_post(&ring->start[i]);
}

/* One round; false when it hung. */
static bool
play(struct game *game, int number)
{
	struct ring *ring = game->ring;
	uint32_t n = 2 + (uint32_t)rand_r(&game->seed) % (RIVALS_MAX - 1);
	uint32_t k = (uint32_t)rand_r(&game->seed) % n;
	bool by_budget = number % 2;
	char name[24];
	struct account account;
	money purse = { (int64_t)k * HOLD_NANO };

	snprintf(name, sizeof(name), "round%d", number);
	account = scratch_account(game->store, name,
	    by_budget ? MONEY_USD(1) : purse);
	ring->account = account.number;
	ring->key = by_budget ?
	    scratch_budget_key(game->store, account.number, "k", purse).number :
	    scratch_key(game->store, account.number, "k").number;
	ring->refusal = by_budget ? STORE_NO_BUDGET : STORE_NO_BALANCE;
	ring->admitted = ring->refused = ring->failed = ring->done = 0;
	start(ring, n);
	if (!wait_for(&ring->done, n))
		return false;
	if (ring->admitted != k || ring->refused != n - k || ring->failed) {
		printf("# round %d: %u of %u rivals for %u holds, "
		    "%u refused, %u failed\n", number, ring->admitted, n, k,
		    ring->refused, ring->failed);
		game->wrong++;
	}
	return true;
}

static void
start_rivals(struct game *game)
{
	fflush(stdout);
	for (uint32_t i = 0; i < RIVALS_MAX; i++)
		sem_init(&game->ring->start[i], 1, 0);
	for (uint32_t i = 0; i < RIVALS_MAX; i++) {
		game->pids[i] = fork();
		if (game->pids[i] == 0)
			rival(game, i);
	}
}

static void
stop_rivals(struct game *game, bool hung)
{
	atomic_store(&game->ring->over, true);
	start(game->ring, RIVALS_MAX);
	for (int i = 0; i < RIVALS_MAX; i++) {
		/* One that could not be made has no number; -1 is all. */
		if (game->pids[i] <= 0)
			continue;
		if (hung)
			kill(game->pids[i], SIGKILL);
		waitpid(game->pids[i], NULL, 0);
	}
}

static int
verdict(struct game *game, bool hung)
{
	uint64_t wrong = scratch_check(game->store, NULL);

	printf("1..3\n");
	printf("%s 1 - nobody hangs\n", hung ? "not ok" : "ok");
	printf("%s 2 - exactly k are admitted, %d rounds\n",
	    game->wrong ? "not ok" : "ok", game->rounds);
	printf("%s 3 - the ledger adds up\n", wrong ? "not ok" : "ok");
	return hung || game->wrong || wrong;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	struct game game = {
		.rounds = getenv("FAREBOX_LONG") ? ROUNDS_LONG : ROUNDS,
		.seed = (unsigned)getpid(),
	};
	bool hung = false;
	int option, rc;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'r': game.rounds = atoi(optarg); break;
		case 's': game.seed = (unsigned)atoi(optarg); break;
		default: return 2;
		}
	printf("# seed %u\n", game.seed);
	game.ring = mmap(NULL, sizeof(*game.ring), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (game.ring == MAP_FAILED)
		return 2;
	scratch_init(game.dir);
	start_rivals(&game);
	/* Opened after the fork: a store must not cross one. */
	game.store = scratch_open(game.dir);
	hung = !wait_for(&game.ring->ready, RIVALS_MAX);
	for (int i = 0; i < game.rounds && !hung; i++)
		hung = !play(&game, i);
	stop_rivals(&game, hung);
	rc = verdict(&game, hung);
	store_close(game.store);
	scratch_remove(game.dir);
	return rc;
}
