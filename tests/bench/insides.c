/* insides.c: what a store in use has given out: locks, logs, slots, holds. */
/*
 * It joins as any process does, through the gate, and writes nothing. What it
 * counts is what could grow although nothing in the books does, and how often
 * the log was flushed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/gate_private.h"
#include "db/record_private.h"
#include "db/store_private.h"

struct insides {
	uint32_t slots, holds, dead, generation;
	uint32_t lockers, locks, lock_objects;
	uint32_t transactions, log_names, mutexes, pages;
	uint64_t commits, flushes, log_bytes;
};

static const char usage[] =
"usage: insides DIR\n"
"\n"
"For each line of its input prints a line of JSON: what the store in DIR has\n"
"given out, and how often its log was flushed.\n";

/* Those of processes, and what these hold. */
static enum store_rc
count_slots(struct store *store, struct insides *in)
{
	struct gate_table *table = store->gate->table;

	in->dead = table->n_dead;
	in->generation = table->generation;
	for (uint32_t i = 0; i < table->n_used; i++) {
		struct hold_record hold;
		enum store_rc rc;

		if (table->slots[i].owner != 0)
			in->slots++;
		rc = hold_read(store, NULL, i, &hold, 0);
		if (rc == STORE_OK)
			in->holds += hold.outstanding;
		else if (rc != STORE_NOT_FOUND)
			return rc;
	}
	return STORE_OK;
}

static int
count_locks(DB_ENV *env, struct insides *in)
{
	DB_LOCK_STAT *stat;
	int rc = env->lock_stat(env, &stat, 0);

	if (rc)
		return rc;
	in->lockers = stat->st_nlockers;
	in->locks = stat->st_nlocks;
	in->lock_objects = stat->st_nobjects;
	free(stat);
	return 0;
}

static int
count_log(DB_ENV *env, struct insides *in)
{
	DB_LOG_STAT *stat;
	int rc = env->log_stat(env, &stat, 0);

	if (rc)
		return rc;
	in->log_names = stat->st_nfileid;
	in->flushes = stat->st_scount;
	in->log_bytes = (uint64_t)stat->st_w_mbytes * 1024 * 1024 +
	                stat->st_w_bytes;
	free(stat);
	return 0;
}

static int
count_transactions(DB_ENV *env, struct insides *in)
{
	DB_TXN_STAT *stat;
	int rc = env->txn_stat(env, &stat, 0);

	if (rc)
		return rc;
	in->transactions = stat->st_nactive;
	in->commits = stat->st_ncommits;
	free(stat);
	return 0;
}

static int
count_mutexes(DB_ENV *env, struct insides *in)
{
	DB_MUTEX_STAT *mutexes;
	DB_MPOOL_STAT *cache;
	int rc = env->mutex_stat(env, &mutexes, 0);

	if (rc)
		return rc;
	in->mutexes = mutexes->st_mutex_inuse;
	free(mutexes);
	rc = env->memp_stat(env, &cache, NULL, 0);
	if (rc)
		return rc;
	in->pages = cache->st_pages;
	free(cache);
	return 0;
}

static enum store_rc
look_body(struct store *store, DB_TXN *txn, void *context)
{
	struct insides *in = context;
	int rc;

	(void)txn;
	memset(in, 0, sizeof(*in));
	if ((rc = count_locks(store->env, in)) ||
	    (rc = count_log(store->env, in)) ||
	    (rc = count_transactions(store->env, in)) ||
	    (rc = count_mutexes(store->env, in)))
		return store_failed(store, rc, "cannot count");
	return count_slots(store, in);
}

static void
print(const struct insides *in)
{
	printf("{\"slots\":%" PRIu32 ",\"dead\":%" PRIu32
	    ",\"generation\":%" PRIu32 ",\"holds\":%" PRIu32
	    ",\"lockers\":%" PRIu32 ",\"locks\":%" PRIu32
	    ",\"lock_objects\":%" PRIu32 ",\"transactions\":%" PRIu32
	    ",\"log_names\":%" PRIu32 ",\"mutexes\":%" PRIu32
	    ",\"pages\":%" PRIu32 ",\"commits\":%" PRIu64
	    ",\"flushes\":%" PRIu64 ",\"log_bytes\":%" PRIu64 "}\n",
	    in->slots, in->dead, in->generation, in->holds, in->lockers,
	    in->locks, in->lock_objects, in->transactions, in->log_names,
	    in->mutexes, in->pages, in->commits, in->flushes, in->log_bytes);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct store_options options = { .flush = false };
	char why[STORE_WHY_SIZE] = "";
	struct store *store;
	enum store_rc rc = STORE_OK;
	int got;

	if (argc != 2) {
		fputs(usage, stderr);
		return 2;
	}
	options.dir = argv[1];
	if (store_open(&store, &options, why) != STORE_OK) {
		fprintf(stderr, "insides: %s\n", why);
		return EXIT_FAILURE;
	}
	while (rc == STORE_OK && (got = getchar()) != EOF) {
		struct insides in;

		if (got != '\n')
			continue;
		rc = store_transact(store, STORE_READ, look_body, &in);
		if (rc == STORE_OK)
			print(&in);
		else
			fprintf(stderr, "insides: %s\n", store_why(store));
	}
	store_close(store);
	return rc == STORE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
