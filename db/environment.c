/* environment.c: the Berkeley DB environment and its tables: made, opened,
 * recovered. */
#include "db/store_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/files.h"
#include "db/record_private.h"
#include "db/region.h"
#include "db/space.h"

enum {
	CACHE_BYTES = 32 * 1024 * 1024,
	CACHE_MUTEXES = 4096, /* each for some chains of cached pages */
	LOG_BUFFER_BYTES = 1024 * 1024,
	LOG_FILE_BYTES = 8 * 1024 * 1024, /* and a buffer, when it is made */
	/* Names of open tables; those of dead processes stay until the next
	 * recovery: see GATE_DEAD_MAX. */
	LOG_REGION_BYTES = 4 * 1024 * 1024,
	LOCKS_MAX = 20000,
	TRANSACTIONS_MAX = 2000,
	MUTEXES_MORE = CACHE_BYTES / TABLE_PAGE_BYTES,
	FILE_MODE = 0600,
};

/* What a table is used for. */
enum {
	CHARGES = 1, /* each request that is charged for uses it */
	EARLY = 2,   /* is read with DB_READ_UNCOMMITTED */
};

static const struct {
	const char *file;
	DBTYPE type;
	uint32_t record_bytes; /* of a Queue */
	unsigned uses;
} tables[TABLE__COUNT] = {
	[TABLE_META] = { "meta.db", DB_BTREE, 0, 0 },
	[TABLE_ACCOUNTS] = { "accounts.db", DB_QUEUE,
		sizeof(struct account_record), CHARGES | EARLY },
	[TABLE_KEYS] = { "keys.db", DB_QUEUE, sizeof(struct key_record),
		CHARGES | EARLY },
	[TABLE_HOLDS] = { "holds.db", DB_QUEUE, sizeof(struct hold_record),
		CHARGES },
	[TABLE_ANSWERS] = { "answers.db", DB_BTREE, 0, 0 },
	[TABLE_ANSWER_TIMES] = { "answer_times.db", DB_BTREE, 0, 0 },
	[TABLE_LEDGER] = { "ledger.db", DB_BTREE, 0, CHARGES },
	[TABLE_USAGE] = { "usage.db", DB_BTREE, 0, CHARGES },
	[TABLE_ACCOUNT_NAMES] = { "account_names.db", DB_BTREE, 0, 0 },
	[TABLE_OLD_SECRETS] = { "old_secrets.db", DB_BTREE, 0, 0 },
	[TABLE_KEY_HASHES] = { "key_hashes.db", DB_BTREE, 0, CHARGES },
	[TABLE_KEY_MODELS] = { "key_models.db", DB_BTREE, 0, 0 },
	[TABLE_KEY_ADDRESSES] = { "key_addresses.db", DB_BTREE, 0, 0 },
	[TABLE_ACCOUNT_KEYS] = { "account_keys.db", DB_BTREE, 0, 0 },
};

/* Library code does not print: what matters comes back as an error number. */
static void
discard_message(const DB_ENV *env, const char *prefix, const char *message)
{
	(void)env;
	(void)prefix;
	(void)message;
}

static int
configure(DB_ENV *env)
{
	int rc;

	env->set_errcall(env, discard_message);
	if ((rc = env->set_cachesize(env, 0, CACHE_BYTES, 1)) ||
	    /* Else its chains are made for pages of 4096: 16 in each, all
	     * looked at, where the cache is full. */
	    (rc = env->set_mp_pagesize(env, TABLE_PAGE_BYTES)) ||
	    (rc = env->set_mp_mtxcount(env, CACHE_MUTEXES)) ||
	    (rc = env->set_lg_bsize(env, LOG_BUFFER_BYTES)) ||
	    (rc = env->set_lg_max(env, LOG_FILE_BYTES)) ||
	    (rc = env->set_lg_regionmax(env, LOG_REGION_BYTES)) ||
	    /* A flush of what was written over needs no change of the file's
	     * own blocks, which is another write, or more. */
	    (rc = env->log_set_config(env, DB_LOG_ZERO, 1)) ||
	    (rc = env->set_lk_detect(env, DB_LOCK_YOUNGEST)) ||
	    (rc = env->set_lk_max_locks(env, LOCKS_MAX)) ||
	    (rc = env->set_lk_max_objects(env, LOCKS_MAX)) ||
	    (rc = env->set_lk_max_lockers(env, LOCKS_MAX)) ||
	    (rc = env->set_tx_max(env, TRANSACTIONS_MAX)) ||
	    /* Beside its own estimate, which is for larger pages. Without it
	     * a full cache has used up the mutexes, and then nothing works. */
	    (rc = env->mutex_set_increment(env, MUTEXES_MORE)) ||
	    /* Written by each commit, flushed once for all: transact.c. */
	    (rc = env->set_flags(env, DB_TXN_WRITE_NOSYNC, 1)))
		return rc;
	return 0;
}

/* Set by flush_file(), which Berkeley DB calls, for repair(). */
static bool flush_failed;
static bool flushes_anyway; /* see environment_checkpoint() */

/*
 * Berkeley DB's own flush tries again after EIO, a hundred times; and it is
 * under its lock that the failure must be noted, before another's succeeds.
 * From then on none does: a table's page is written when its log is flushed,
 * and must not come before a log that may have a hole.
 */
static int
flush_file(int fd)
{
	int rc;

	if (!flushes_anyway && gate_noted_flush_failed())
		return EIO;
	do
		rc = fdatasync(fd);
	while (rc != 0 && errno == EINTR);
	if (rc == 0)
		return 0;
	rc = errno;
	flush_failed = true;
	gate_note_flush_failed();
	return rc;
}

/*
 * Berkeley DB looks for the end of the log by reading until something fails:
 * be it for want of memory, or because a disk cannot be read. What comes behind
 * would be written over, and lost. So a recovery is given all that it asks for,
 * or does not count: in the store its process ends at once, before it writes to
 * the log, and of a copy it is said in the end.
 */
static bool ends_when_denied;
static int denied; /* why; 0: it was not */

static void
note_denied(void)
{
	if (ends_when_denied)
		_exit(1);
	denied = errno;
}

static void *
allocate(size_t size)
{
	void *memory = malloc(size);

	if (!memory)
		note_denied();
	return memory;
}

static void *
reallocate(void *old, size_t size)
{
	void *memory = realloc(old, size);

	if (!memory)
		note_denied();
	return memory;
}

static ssize_t
read_at(int fd, void *bytes, size_t len, off_t offset)
{
	ssize_t got = pread(fd, bytes, len, offset);

	if (got < 0 && errno != EINTR)
		note_denied();
	return got;
}

static int
watch_recovery(void)
{
	int rc;

	denied = 0;
	if ((rc = db_env_set_func_malloc(allocate)) ||
	    (rc = db_env_set_func_realloc(reallocate)) ||
	    (rc = db_env_set_func_pread(read_at)))
		return rc;
	return 0;
}

static int
open_env(const char *dir, uint32_t flags, DB_ENV **opened)
{
	DB_ENV *env;
	int rc = db_env_set_func_fsync(flush_file);

	/* Only a recovery makes shared memory: without one the tables would
	 * be taken as they are, and what is in the log alone be lost. */
	if (!rc && (flags & (DB_RECOVER | DB_RECOVER_FATAL))) {
		flags |= DB_CREATE;
		rc = watch_recovery();
	}
	if (rc || (rc = db_env_create(&env, 0)))
		return rc;
	rc = configure(env);
	if (!rc)
		rc = env->open(env, dir, DB_INIT_LOCK | DB_INIT_LOG |
		    DB_INIT_MPOOL | DB_INIT_TXN | flags, FILE_MODE);
	if (rc) {
		env->close(env, 0);
		return rc;
	}
	*opened = env;
	return 0;
}

static int
open_table(DB_ENV *env, enum table which, uint32_t flags, DB **opened)
{
	DB *table;
	int rc = db_create(&table, env, 0);

	if (rc)
		return rc;
	if ((flags & DB_CREATE) && !(rc = table->set_pagesize(table,
	    TABLE_PAGE_BYTES)))
		rc = table->set_flags(table, DB_CHKSUM);
	/* Who writes to it lets those who read so pass then. */
	if (tables[which].uses & EARLY)
		flags |= DB_READ_UNCOMMITTED;
	if (!rc && tables[which].record_bytes)
		rc = table->set_re_len(table, tables[which].record_bytes);
	if (!rc)
		rc = table->open(table, NULL, tables[which].file, NULL,
		    tables[which].type, flags | DB_AUTO_COMMIT, FILE_MODE);
	if (rc) {
		table->close(table, 0);
		return rc;
	}
	*opened = table;
	return 0;
}

int
environment_table(struct store *store, enum table table, DB **opened)
{
	int rc = 0;

	if (!store->tables[table])
		rc = open_table(store->env, table, 0, &store->tables[table]);
	*opened = store->tables[table];
	return rc;
}

static int
open_tables(struct store *store)
{
	int rc = 0;
	DB *opened;

	for (int i = 0; i < TABLE__COUNT && !rc; i++)
		if ((tables[i].uses & CHARGES) || !store->lean)
			rc = environment_table(store, (enum table)i, &opened);
	return rc;
}

int
environment_open(struct store *store)
{
	int rc = open_env(store->dir, 0, &store->env);

	if (rc == ENOENT)
		return DB_RUNRECOVERY;
	if (!rc)
		rc = open_tables(store);
	if (rc == DB_RUNRECOVERY)
		environment_abandon(store);
	else if (rc)
		environment_close(store);
	return rc;
}

void
environment_close(struct store *store)
{
	for (int i = 0; i < TABLE__COUNT; i++) {
		if (store->tables[i])
			store->tables[i]->close(store->tables[i], DB_NOSYNC);
		store->tables[i] = NULL;
	}
	if (store->env)
		store->env->close(store->env, 0);
	store->env = NULL;
}

void
environment_abandon(struct store *store)
{
	memset(store->tables, 0, sizeof(store->tables));
	store->env = NULL;
	store->retire = true;
}

static bool
repair(const char *dir)
{
	DB_ENV *env;
	int rc;

	flush_failed = false;
	if (!region_remove(dir))
		return false;
	ends_when_denied = true;
	rc = open_env(dir, DB_RECOVER, &env);
	if (rc == 0) {
		if (!region_reserve(dir) && ballast_drop(dir))
			region_reserve(dir);
		rc = env->close(env, 0);
	}
	/* Even if it went well in the end: see repair_once(). */
	errno = flush_failed ? EIO : 0;
	return rc == 0;
}

static bool
rewrite_log(const char *name, void *context)
{
	return file_rewrite(context, name);
}

static bool
rewrite_all(const char *dir)
{
	for (int i = 0; i < TABLE__COUNT; i++)
		if (!file_rewrite(dir, tables[i].file))
			return false;
	return logs_each(dir, rewrite_log, (void *)(uintptr_t)dir);
}

bool
environment_repair(const char *dir, bool doubtful)
{
	int64_t bytes = space_free(dir);

	/* Recovery takes what it reads for what is on the disk. */
	if (doubtful && !rewrite_all(dir)) {
		errno = EIO;
		return false;
	}
	/*
	 * Before, because recovery maps files that have no blocks yet: on a
	 * full disk it would die of touching one.
	 */
	if (bytes >= 0 && bytes < BALLAST_BYTES)
		ballast_drop(dir);
	return repair(dir) ||
	       (errno != EIO && ballast_drop(dir) && repair(dir));
}

const char *
environment_file(enum table table)
{
	return tables[table].file;
}

int
environment_open_copy(struct store *store, uint32_t flags)
{
	int rc = open_env(store->dir, DB_PRIVATE | flags, &store->env);

	if (!rc)
		rc = open_tables(store);
	return rc ? rc : denied;
}

int
environment_checkpoint(struct store *store, uint32_t flags)
{
	int rc;

	flushes_anyway = (flags & DB_FORCE) != 0;
	rc = store->env->txn_checkpoint(store->env, 0, 0, flags);
	flushes_anyway = false;
	return rc;
}

int
environment_prune(struct store *store)
{
	return store->env->log_archive(store->env, NULL, DB_ARCH_REMOVE);
}

bool
environment_create(const char *dir, char why[STORE_WHY_SIZE])
{
	struct store store = { .dir = (char *)(uintptr_t)dir };
	int rc = open_env(dir, DB_RECOVER, &store.env);

	for (int i = 0; i < TABLE__COUNT && !rc; i++)
		rc = open_table(store.env, (enum table)i, DB_CREATE | DB_EXCL,
		    &store.tables[i]);
	if (!rc)
		rc = hold_put_first(&store);
	/* The tables' files must be there after a power cut. */
	if (!rc)
		rc = store.env->txn_checkpoint(store.env, 0, 0, DB_FORCE);
	environment_close(&store);
	if (rc)
		snprintf(why, STORE_WHY_SIZE, "cannot make tables in %s: %s",
		    dir, db_strerror(rc));
	return rc == 0;
}
