/* bank.c: many tellers at many accounts, killed at random; no money is lost. */
/*
 * bank [--kills N] [--tellers N] [--supervised | --cgi] [--seed N]
 *
 * Tellers hold and settle as fast as they can and note each acknowledged
 * settlement in shared memory. The manager kills tellers, now and then a
 * process that recovers the store, and now and then everybody. In the end every
 * acknowledged settlement must be in the books, and the books must add up.
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/gate.h"
#include "tests/store/scratch.h"

enum {
	TELLERS_MAX = 64,
	ACKS_MAX = 400000,
	PAUSES_MAX = 65536,
	ACCOUNTS = 300,          /* so that pages are split, everywhere */
	CGI_REQUESTS = 1,        /* a CGI process serves one */
	HANG_MS = 60000,         /* no teller may go on without end */
	PAUSE_MS = 20,           /* an operation that took longer was a pause */
	KILL_EVERY_MS = 60,
	IDLE_MS = 500,           /* killing may well prevent all work */
	END_MS = 120000,
};

enum mode { MODE_ALONE, MODE_SUPERVISED, MODE_CGI };

struct ack {
	struct request_id id;
	uint32_t account;
	int64_t cost;
};

/* What all processes of the test share; not part of the store. */
struct board {
	char dir[64];
	uint32_t keys[ACCOUNTS];
	_Atomic int stop;
	_Atomic int recoverer;          /* pid of the last recover command */
	_Atomic uint32_t recoveries;
	_Atomic int64_t done_us[TELLERS_MAX]; /* of the last request */
	_Atomic uint32_t refused, failed;
	_Atomic uint32_t n_acks, n_pauses;
	int32_t pauses_ms[PAUSES_MAX];
	struct ack acks[ACKS_MAX];
};

struct manager {
	struct board *board;
	const char *program;
	enum mode mode;
	int kills, tellers;
	unsigned seed;
	pid_t pids[TELLERS_MAX];
	struct gate *gate;
	char board_path[80];
};

static struct board *
map_board(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct board *board = mmap(NULL, sizeof(*board),
	    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (board == MAP_FAILED) {
		perror(path);
		exit(2);
	}
	close(fd);
	return board;
}

/* The part of a teller. */

static void
note_pause(struct board *board, int64_t since_us)
{
	int64_t ms = (clock_mono_us() - since_us) / 1000;
	uint32_t n;

	if (ms < PAUSE_MS)
		return;
	n = atomic_fetch_add(&board->n_pauses, 1);
	if (n < PAUSES_MAX)
		board->pauses_ms[n] = (int32_t)ms;
}

static void
note_ack(struct board *board, const struct usage *usage)
{
	uint32_t n = atomic_load(&board->n_acks);

	/* The slot is filled before it counts, so that a killed teller leaves
	 * at worst an acknowledgement out. */
	do {
		if (n >= ACKS_MAX)
			return;
	} while (!atomic_compare_exchange_weak(&board->n_acks, &n, n + 1));
	board->acks[n].account = usage->account;
	board->acks[n].cost = usage->cost.nano;
	board->acks[n].id = usage->id;
}

static void
serve_one(struct board *board, struct store *store, unsigned *seed)
{
	/* Two of three requests go to one hot account. */
	int which = rand_r(seed) % 3 ? 0 : rand_r(seed) % ACCOUNTS;
	struct key key = {
		.number = board->keys[which],
		.account = (uint32_t)which + 1,
	};
	struct hold hold = scratch_hold(&key,
	    (money){ 100 + rand_r(seed) % 100 });
	struct usage usage = scratch_usage(&hold,
	    (money){ 1 + rand_r(seed) % 100 });
	int64_t start_us = clock_mono_us();
	enum store_rc rc = ledger_hold(store, &hold);

	note_pause(board, start_us);
	if (rc != STORE_OK) {
		atomic_fetch_add(rc == STORE_UNAVAILABLE ? &board->failed :
		    &board->refused, 1);
		return;
	}
	/* Some wait for a provider while others are killed. */
	if (rand_r(seed) % 8 == 0)
		clock_sleep_us(rand_r(seed) % 20000);
	start_us = clock_mono_us();
	if (rand_r(seed) % 10 == 0)
		rc = ledger_release(store, &hold, &usage);
	else if ((rc = ledger_settle(store, &hold, LEDGER_CAP, &usage, NULL)) ==
	    STORE_OK)
		note_ack(board, &usage);
	note_pause(board, start_us);
	if (rc != STORE_OK)
		atomic_fetch_add(&board->failed, 1);
}

static int
teller(char *const *argv)
{
	struct board *board = map_board(argv[2]);
	int number = atoi(argv[3]);
	int limit = atoi(argv[4]);
	unsigned seed = (unsigned)atoi(argv[5]);
	const char *const recover[] = { argv[0], "recover", argv[2], NULL };
	struct store_options options = {
		.dir = board->dir,
		.flush = true,
		.recover_command = recover,
	};
	char why[STORE_WHY_SIZE];
	struct store *store;

	if (store_open(&store, &options, why) != STORE_OK) {
		fprintf(stderr, "# teller: %s\n", why);
		return 1;
	}
	for (int n = 0; !atomic_load(&board->stop) && (!limit || n < limit);
	     n++) {
		serve_one(board, store, &seed);
		store_maintain(store);
		atomic_store(&board->done_us[number], clock_mono_us());
		if (store_wants_retirement(store))
			break;
	}
	store_close(store);
	return 0;
}

static int
recover(char *const *argv)
{
	struct board *board = map_board(argv[2]);
	char why[STORE_WHY_SIZE];

	atomic_store(&board->recoverer, getpid());
	atomic_fetch_add(&board->recoveries, 1);
	return store_recover(board->dir, false, why) == STORE_OK ? 0 : 1;
}

/* The part of the manager. */

static void
start_teller(struct manager *manager, int number)
{
	char index[12], limit[12], seed[12];

	snprintf(index, sizeof(index), "%d", number);
	snprintf(limit, sizeof(limit), "%d",
	    manager->mode == MODE_CGI ? CGI_REQUESTS : 0);
	snprintf(seed, sizeof(seed), "%d", rand_r(&manager->seed));
	atomic_store(&manager->board->done_us[number], clock_mono_us());
	manager->pids[number] = fork();
	if (manager->pids[number] == 0) {
		execl(manager->program, manager->program, "teller",
		    manager->board_path, index, limit, seed, (char *)NULL);
		_exit(127);
	}
	if (manager->pids[number] < 0)
		manager->pids[number] = 0; /* to be tried again */
}

static void
kill_teller(const struct manager *manager, int number)
{
	if (manager->pids[number] > 0)
		kill(manager->pids[number], SIGKILL);
}

/* Replaces tellers that are gone; collects other children. */
static void
replace_tellers(struct manager *manager)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (int i = 0; i < manager->tellers; i++)
			if (manager->pids[i] == pid)
				manager->pids[i] = 0;
	for (int i = 0; i < manager->tellers; i++)
		if (manager->pids[i] == 0)
			start_teller(manager, i);
}

/* Serves until the next kill is due; false when a teller hangs. On a busy
 * machine it is not due before something was settled, but for some. */
static bool
manage_for(struct manager *manager, int64_t ms)
{
	int64_t start_us = clock_mono_us();
	uint32_t acks = atomic_load(&manager->board->n_acks);

	for (;;) {
		int64_t now_us = clock_mono_us();

		if (now_us - start_us >= ms * 1000 &&
		    (atomic_load(&manager->board->n_acks) != acks ||
		    now_us - start_us >= IDLE_MS * 1000))
			break;

		replace_tellers(manager);
		if (manager->gate)
			gate_watch(manager->gate);
		now_us = clock_mono_us();
		for (int i = 0; i < manager->tellers; i++)
			if (now_us - atomic_load(&manager->board->done_us[i]) >
			    HANG_MS * 1000) {
				fprintf(stderr, "# teller %d (pid %d) hangs\n",
				    i, manager->pids[i]);
				return false;
			}
		clock_sleep_us(2000);
	}
	return true;
}

static void
kill_somebody(struct manager *manager)
{
	int dice = rand_r(&manager->seed) % 100;
	int recoverer = atomic_exchange(&manager->board->recoverer, 0);

	if (recoverer && dice < 20) {
		kill(recoverer, SIGKILL);
	} else if (dice < 98) {
		kill_teller(manager, rand_r(&manager->seed) %
		    manager->tellers);
	} else {
		for (int i = 0; i < manager->tellers; i++)
			kill_teller(manager, i);
	}
}

static bool
close_the_bank(struct manager *manager)
{
	int64_t end_us = clock_mono_us() + END_MS * INT64_C(1000);
	int left = 0;

	for (int i = 0; i < manager->tellers; i++)
		left += manager->pids[i] > 0;
	atomic_store(&manager->board->stop, 1);
	while (left > 0 && clock_mono_us() < end_us) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		for (int i = 0; pid > 0 && i < manager->tellers; i++)
			left -= manager->pids[i] == pid;
		if (pid <= 0) {
			if (manager->gate)
				gate_watch(manager->gate);
			clock_sleep_us(2000);
		}
	}
	return left == 0;
}

static int
compare_int(const void *a, const void *b)
{
	return *(const int32_t *)a - *(const int32_t *)b;
}

static void
report(struct manager *manager)
{
	struct board *board = manager->board;
	size_t n = atomic_load(&board->n_pauses);

	if (n > PAUSES_MAX)
		n = PAUSES_MAX;
	qsort(board->pauses_ms, n, sizeof(*board->pauses_ms), compare_int);
	printf("# %u settlements acknowledged, %u refused, %u failed, "
	    "%u recover commands\n", atomic_load(&board->n_acks),
	    atomic_load(&board->refused), atomic_load(&board->failed),
	    atomic_load(&board->recoveries));
	if (n > 0)
		printf("# %zu pauses over %d ms: p50 %d ms, p99 %d ms, "
		    "longest %d ms\n", n, PAUSE_MS, board->pauses_ms[n / 2],
		    board->pauses_ms[n * 99 / 100], board->pauses_ms[n - 1]);
}

static uint32_t
count_lost(struct board *board, struct store *store)
{
	uint32_t lost = 0;

	for (uint32_t i = 0; i < atomic_load(&board->n_acks); i++) {
		struct ack *ack = &board->acks[i];
		struct usage usage;

		/* A teller that died between taking the slot and filling it. */
		if (ack->account == 0 || request_id_wall_ms(&ack->id) == 0)
			continue;
		if (usage_get(store, ack->account, &ack->id, &usage) !=
		    STORE_OK || usage.cost.nano != ack->cost)
			lost++;
	}
	return lost;
}

static void
ok(bool condition, int number, const char *what)
{
	printf("%s %d - %s\n", condition ? "ok" : "not ok", number, what);
}

static bool
audit(struct manager *manager, bool hung)
{
	struct store *store = scratch_open(manager->board->dir);
	struct ledger_totals totals;
	int64_t end_us = clock_mono_us() + 60000000;
	uint32_t lost = count_lost(manager->board, store);
	uint64_t wrong;

	/* The last dead teller's hold is released by housekeeping. */
	do {
		store_maintain(store);
		wrong = scratch_check(store, &totals);
		clock_sleep_us(20000);
	} while (totals.held.nano > 0 && clock_mono_us() < end_us);
	report(manager);
	printf("1..5\n");
	ok(!hung, 1, "nobody hangs");
	ok(lost == 0, 2, "no acknowledged settlement is lost");
	ok(wrong == 0, 3, "the ledger adds up");
	ok(totals.held.nano == 0 && totals.holds == 0, 4,
	    "nothing is held in the end");
	ok(atomic_load(&manager->board->n_acks) > 0, 5,
	    "settlements were acknowledged");
	store_close(store);
	return !hung && !lost && !wrong && totals.held.nano == 0;
}

static void
open_the_bank(struct manager *manager)
{
	static const char *recover_command[4];
	char dir[64], why[STORE_WHY_SIZE];
	struct store *store;
	int fd;

	scratch_init(dir);
	snprintf(manager->board_path, sizeof(manager->board_path), "%s.board",
	    dir);
	fd = open(manager->board_path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(struct board)) != 0) {
		perror(manager->board_path);
		exit(2);
	}
	close(fd);
	manager->board = map_board(manager->board_path);
	memcpy(manager->board->dir, dir, sizeof(dir));
	store = scratch_open(manager->board->dir);
	for (int i = 0; i < ACCOUNTS; i++) {
		char name[8];
		struct account account;

		snprintf(name, sizeof(name), "a%d", i);
		account = scratch_account(store, name, MONEY_USD(1));
		manager->board->keys[i] = scratch_key(store, account.number,
		    "k").number;
	}
	store_close(store);
	if (manager->mode != MODE_SUPERVISED)
		return;
	recover_command[0] = manager->program;
	recover_command[1] = "recover";
	recover_command[2] = manager->board_path;
	manager->gate = gate_open(manager->board->dir, NULL, recover_command,
	    why);
}

static int
manage(struct manager *manager)
{
	bool hung = false, sound;

	open_the_bank(manager);
	for (int i = 0; i < manager->tellers; i++)
		start_teller(manager, i);
	for (int i = 0; i < manager->kills && !hung; i++) {
		hung = !manage_for(manager, 1 + rand_r(&manager->seed) %
		    (2 * KILL_EVERY_MS));
		kill_somebody(manager);
	}
	if (!close_the_bank(manager))
		hung = true;
	for (int i = 0; hung && i < manager->tellers; i++)
		kill_teller(manager, i);
	sound = audit(manager, hung);
	gate_close(manager->gate);
	unlink(manager->board_path);
	if (sound)
		scratch_remove(manager->board->dir);
	else
		printf("# the store is left in %s\n", manager->board->dir);
	return sound ? 0 : 1;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "kills", required_argument, NULL, 'k' },
		{ "tellers", required_argument, NULL, 't' },
		{ "seed", required_argument, NULL, 's' },
		{ "supervised", no_argument, NULL, 'S' },
		{ "cgi", no_argument, NULL, 'C' },
		{ NULL, 0, NULL, 0 },
	};
	struct manager manager = {
		.program = argv[0],
		.kills = 60,
		.tellers = 16,
		.seed = (unsigned)getpid(),
	};
	int option;

	if (argc == 6 && strcmp(argv[1], "teller") == 0)
		return teller(argv);
	if (argc == 3 && strcmp(argv[1], "recover") == 0)
		return recover(argv);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'k': manager.kills = atoi(optarg); break;
		case 't': manager.tellers = atoi(optarg); break;
		case 's': manager.seed = (unsigned)atoi(optarg); break;
		case 'S': manager.mode = MODE_SUPERVISED; break;
		case 'C': manager.mode = MODE_CGI; break;
		default: return 2;
		}
	if (manager.tellers < 1 || manager.tellers > TELLERS_MAX)
		return 2;
	printf("# seed %u\n", manager.seed);
	return manage(&manager);
}
