/* transact.c: one loop that runs every transaction, and the reads and writes
 * in it. */
#include "db/store_private.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "db/space.h"

enum {
	DEADLOCK_TRIES = 100,
	RECOVERY_TRIES = 5,
	SPACE_TRIES = 2,
	BACKOFF_US = 200,
};

/* Errors that only another try can answer. */
enum again { AGAIN_NO, AGAIN_DEADLOCK, AGAIN_RECOVERY, AGAIN_SPACE };

static enum again
again(int error)
{
	switch (error) {
	case DB_LOCK_DEADLOCK:
	case DB_LOCK_NOTGRANTED:
		return AGAIN_DEADLOCK;
	case DB_RUNRECOVERY:
		return AGAIN_RECOVERY;
	case ENOSPC:
	case EDQUOT:
		return AGAIN_SPACE;
	default:
		return AGAIN_NO;
	}
}

static int
note_error(struct store *store, int rc)
{
	if (rc != 0 && rc != DB_NOTFOUND && rc != DB_KEYEXIST)
		store->error = rc;
	return rc;
}

enum store_rc
store_broken(struct store *store, const char *what)
{
	snprintf(store->why, sizeof(store->why), "%s: %s", what,
	    db_strerror(store->error));
	return STORE_UNAVAILABLE;
}

enum store_rc
store_failed(struct store *store, int rc, const char *what)
{
	note_error(store, rc);
	return store_broken(store, what);
}

enum store_rc
store_corrupt(struct store *store, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(store->why, sizeof(store->why), format, args);
	va_end(args);
	return STORE_CORRUPT;
}

/*
 * Opening writes to the log. Where that is full the next one is begun, and this
 * one is flushed, which after a failed flush is refused: but not in a recovery,
 * which writes all of it again before.
 */
static enum store_rc
open_inside(struct store *store)
{
	enum store_rc rc;

	store->error = environment_open(store);
	if (store->error == 0)
		return STORE_OK;
	gate_leave(store->gate);
	rc = store_broken(store, "cannot open the store");
	if (store->error == EIO && gate_flush_failed(store->gate))
		store->error = DB_RUNRECOVERY;
	return rc;
}

/* Inside the gate; handles of another generation are given up. */
static enum store_rc
pass_gate(struct store *store, enum gate_pace pace)
{
	bool moved;

	if (!gate_enter(store->gate, pace, &moved)) {
		snprintf(store->why, sizeof(store->why),
		    "the store is being recovered, or cannot be");
		return STORE_UNAVAILABLE;
	}
	if (moved && store->env)
		environment_abandon(store);
	return STORE_OK;
}

/* Inside the gate with handles of the present generation. */
static enum store_rc
enter(struct store *store, enum gate_pace pace)
{
	enum store_rc rc = STORE_OK;

	store->error = 0;
	if (!store->gate)
		return STORE_OK;
	if (store->env) {
		rc = pass_gate(store, pace);
		if (rc != STORE_OK || store->env)
			return rc;
		gate_leave(store->gate);
	}
	gate_take_turn(store->gate);
	rc = pass_gate(store, pace);
	if (rc == STORE_OK)
		rc = open_inside(store);
	gate_give_turn(store->gate);
	return rc;
}

static void
leave(struct store *store)
{
	if (store->gate)
		gate_leave(store->gate);
}

/* The account, if it is one's that is written, is free for the next. */
static void
leave_line(struct store *store)
{
	if (store->gate)
		gate_line_leave(store->gate);
}

/*
 * The first failed flush is the last: the kernel may have dropped the pages,
 * and the next flush would say that all is well.
 */
static int
flush_log(struct store *store)
{
	int rc = store->env->log_flush(store->env, NULL);

	/* Ours may have gone well because another's, just before, did not. */
	if (rc == 0 && gate_flush_failed(store->gate))
		rc = EIO;
	if (rc && rc != DB_RUNRECOVERY)
		gate_set_flush_failed(store->gate, true);
	return rc;
}

int
store_checkpoint(struct store *store, uint32_t flags)
{
	int rc = environment_checkpoint(store, flags);

	/* The tables' flush counts as much as the log's. */
	if (rc == EIO)
		gate_set_flush_failed(store->gate, true);
	return rc;
}

/* Ends a transaction that wrote nothing, or whose writes must not stay. */
static enum store_rc
end_unwritten(struct store *store, DB_TXN *txn, enum store_rc rc)
{
	/* After a panic there is nothing to abort: recovery does it. */
	if (store->error == DB_RUNRECOVERY)
		return rc;
	if (note_error(store, txn->abort(txn)))
		return store_broken(store, "cannot abort");
	return rc;
}

/* One try, inside the gate. */
static enum store_rc
run_once(struct store *store, enum store_write write, store_body body,
    void *context)
{
	DB_TXN *txn;
	enum store_rc rc;

	if (write == STORE_READ || write == STORE_UPKEEP)
		return body(store, NULL, context);
	if (note_error(store, store->env->txn_begin(store->env, NULL, &txn, 0)))
		return store_broken(store, "cannot begin");
	rc = body(store, txn, context);
	if (rc != STORE_OK || write == STORE_SNAPSHOT)
		return end_unwritten(store, txn, rc);
	if (note_error(store, txn->commit(txn, DB_TXN_WRITE_NOSYNC)))
		return store_broken(store, "cannot commit");
	leave_line(store);
	if (write == STORE_DURABLE && store->flush &&
	    note_error(store, flush_log(store)))
		return store_broken(store, "cannot flush");
	return STORE_OK;
}

bool
store_bring_back(struct store *store)
{
	if (!store->gate)
		return false;
	environment_abandon(store);
	gate_request_recovery(store->gate);
	return gate_recover(store->gate, false);
}

enum store_rc
store_transact_on(struct store *store, enum store_write write,
    uint32_t account, store_body body, void *context)
{
	int deadlocks = 0, recoveries = 0, spaces = 0;

	for (;;) {
		enum store_rc rc;

		if (account && store->gate)
			gate_line_up(store->gate, account);
		rc = enter(store, write == STORE_UPKEEP ? GATE_SLOW :
		    GATE_QUICK);
		if (rc == STORE_OK) {
			rc = run_once(store, write, body, context);
			leave(store);
		}
		leave_line(store);
		if (store->error == 0)
			return rc;
		switch (again(store->error)) {
		case AGAIN_NO:
			return STORE_UNAVAILABLE;
		case AGAIN_DEADLOCK:
			if (++deadlocks > DEADLOCK_TRIES)
				return STORE_UNAVAILABLE;
			clock_sleep_us(BACKOFF_US * (deadlocks % 8 + 1));
			break;
		case AGAIN_RECOVERY:
			if (++recoveries > RECOVERY_TRIES ||
			    !store_bring_back(store))
				return STORE_UNAVAILABLE;
			break;
		case AGAIN_SPACE:
			/* Another process may have dropped it just now. */
			if (++spaces > SPACE_TRIES)
				return STORE_UNAVAILABLE;
			ballast_drop(store->dir);
			break;
		}
	}
}

static int
get(struct store *store, DB_TXN *txn, enum table table, DBT *key, DBT *data,
    uint32_t flags)
{
	DB *db;
	int rc = environment_table(store, table, &db);

	if (!rc)
		rc = db->get(db, txn, key, data, flags);
	/* A number that was never written, or whose writing was undone. */
	if (rc == DB_KEYEMPTY)
		rc = DB_NOTFOUND;
	return note_error(store, rc);
}

static int
put(struct store *store, DB_TXN *txn, enum table table, DBT *key, DBT *data,
    uint32_t flags)
{
	DB *db;
	int rc = environment_table(store, table, &db);

	if (!rc)
		rc = db->put(db, txn, key, data, flags);
	return note_error(store, rc);
}

int
queue_get(struct store *store, DB_TXN *txn, enum table table, uint32_t number,
    void *record, size_t size, uint32_t flags)
{
	db_recno_t recno = number;
	DBT key = { .data = &recno, .size = sizeof(recno) };
	DBT data = { .data = record, .ulen = (uint32_t)size,
		.flags = DB_DBT_USERMEM };
	int rc;

	if (number == 0)
		return DB_NOTFOUND;
	store->reads++;
	rc = get(store, txn, table, &key, &data, flags);
	if (rc == 0 && number > store->found[table])
		store->found[table] = number;
	return rc;
}

/*
 * Whether a record that was put past the end can be found. When Berkeley DB
 * has no memory to move the end, it does not say so.
 */
static int
look_again(struct store *store, DB_TXN *txn, enum table table, DBT *key)
{
	DBT nothing = { .flags = DB_DBT_USERMEM | DB_DBT_PARTIAL };
	int rc = get(store, txn, table, key, &nothing, 0);

	return rc == DB_NOTFOUND ? note_error(store, ENOMEM) : rc;
}

int
queue_put(struct store *store, DB_TXN *txn, enum table table, uint32_t number,
    const void *record, size_t size)
{
	db_recno_t recno = number;
	DBT key = { .data = &recno, .size = sizeof(recno) };
	DBT data = { .data = (void *)(uintptr_t)record,
		.size = (uint32_t)size };
	int rc;

	assert(number != 0);
	rc = put(store, txn, table, &key, &data, 0);
	if (rc == 0 && number > store->found[table])
		rc = look_again(store, txn, table, &key);
	return rc;
}

int
tree_get(struct store *store, DB_TXN *txn, enum table table, const void *key,
    size_t key_len, void *data, size_t size, size_t *len, uint32_t flags)
{
	DBT from = { .data = (void *)(uintptr_t)key,
		.size = (uint32_t)key_len };
	DBT to = { .data = data, .ulen = (uint32_t)size,
		.flags = DB_DBT_USERMEM };
	int rc = get(store, txn, table, &from, &to, flags);

	store->reads++;
	if (rc == 0 && len)
		*len = to.size;
	return rc;
}

int
tree_get_part(struct store *store, DB_TXN *txn, enum table table,
    const void *key, size_t key_len, void *data, size_t offset, size_t len,
    uint32_t flags)
{
	DBT from = { .data = (void *)(uintptr_t)key,
		.size = (uint32_t)key_len };
	DBT to = {
		.data = data,
		.ulen = (uint32_t)len,
		.doff = (uint32_t)offset,
		.dlen = (uint32_t)len,
		.flags = DB_DBT_USERMEM | DB_DBT_PARTIAL,
	};
	int rc = get(store, txn, table, &from, &to, flags);

	/* A record that is too short is a damaged one. */
	return rc == 0 && to.size != len ? note_error(store, EINVAL) : rc;
}

/*
 * Whether a record lies where it is looked for. When two processes want to
 * split the same page, Berkeley DB 5.3 may put the second one's record into
 * another: __bam_split() finds it split and lets go of the page above, and
 * __bamc_put() goes on from there, though that may be split meanwhile, too. The
 * try is undone then, as when it met a deadlock.
 */
static int
find_again(struct store *store, DB_TXN *txn, enum table table, DBT *key,
    size_t len)
{
	DBT found = { .flags = DB_DBT_USERMEM };
	DB *db = store->tables[table];
	int rc = db->get(db, txn, key, &found, 0);

	/* There is no room for it: only its size is wanted. */
	if (rc == DB_BUFFER_SMALL)
		rc = 0;
	if (rc == DB_NOTFOUND || (rc == 0 && found.size != len))
		rc = DB_LOCK_DEADLOCK;
	return note_error(store, rc);
}

int
tree_put(struct store *store, DB_TXN *txn, enum table table, const void *key,
    size_t key_len, const void *data, size_t len, uint32_t flags)
{
	DBT to = { .data = (void *)(uintptr_t)key, .size = (uint32_t)key_len };
	DBT from = { .data = (void *)(uintptr_t)data, .size = (uint32_t)len };
	int rc = put(store, txn, table, &to, &from, flags);

	return rc ? rc : find_again(store, txn, table, &to, len);
}

int
tree_delete(struct store *store, DB_TXN *txn, enum table table,
    const void *key, size_t key_len)
{
	DBT from = { .data = (void *)(uintptr_t)key,
		.size = (uint32_t)key_len };
	DB *db;
	int rc = environment_table(store, table, &db);

	if (!rc)
		rc = db->del(db, txn, &from, 0);
	return note_error(store, rc);
}

int
walk_open(struct store *store, DB_TXN *txn, enum table table,
    struct tree_walk *walk)
{
	DB *db;
	int rc = environment_table(store, table, &db);

	*walk = (struct tree_walk){
		.key = { .data = walk->key_bytes,
			.ulen = sizeof(walk->key_bytes),
			.flags = DB_DBT_USERMEM },
		.data = { .data = walk->data_bytes,
			.ulen = sizeof(walk->data_bytes),
			.flags = DB_DBT_USERMEM },
	};
	if (!rc)
		rc = db->cursor(db, txn, &walk->cursor,
		    txn ? DB_READ_COMMITTED : 0);
	return note_error(store, rc);
}

int
walk_step(struct store *store, struct tree_walk *walk, uint32_t flags)
{
	store->reads++;
	return note_error(store, walk->cursor->get(walk->cursor, &walk->key,
	    &walk->data, flags));
}

int
walk_seek(struct store *store, struct tree_walk *walk, const void *key,
    size_t len)
{
	assert(len <= sizeof(walk->key_bytes));
	memcpy(walk->key_bytes, key, len);
	walk->key.size = (uint32_t)len;
	return walk_step(store, walk, DB_SET_RANGE);
}

void
walk_close(struct tree_walk *walk)
{
	if (walk->cursor)
		walk->cursor->close(walk->cursor);
	walk->cursor = NULL;
}

int
counter_last(struct store *store, DB_TXN *txn, const char *name,
    uint32_t *number, uint32_t flags)
{
	int rc = tree_get(store, txn, TABLE_META, name, strlen(name), number,
	    sizeof(*number), NULL, flags);

	if (rc == DB_NOTFOUND) {
		*number = 0;
		return 0;
	}
	return rc;
}

int
counter_next(struct store *store, DB_TXN *txn, const char *name,
    uint32_t *number)
{
	int rc = counter_last(store, txn, name, number, DB_RMW);

	if (rc)
		return rc;
	++*number;
	return tree_put(store, txn, TABLE_META, name, strlen(name), number,
	    sizeof(*number), 0);
}
