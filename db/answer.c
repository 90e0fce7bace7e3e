/* answer.c: answers kept for a while, so that a retry is charged once. */
#include "db/answer.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/record_private.h"
#include "db/store_private.h"

/*
 * Answers and their times are locked after holds and before the ledger, and
 * answers before their times. The count lies with the times, under a key that
 * sorts after all of them.
 */
enum { EXPIRE_AT_ONCE = 50 };

static const char count_name[] = "\xff" "count";

static struct answer_key
key_of(const struct answer_name *name)
{
	struct answer_key key;

	put_be32(key.key, name->key);
	memcpy(key.digest, name->digest, sizeof(key.digest));
	return key;
}

static struct answer_time_key
time_key_of(const struct answer_key *answer, int64_t expires_ms)
{
	struct answer_time_key key = { .answer = *answer };

	put_be64(key.expires_ms, (uint64_t)expires_ms);
	return key;
}

static int
count_add(struct store *store, DB_TXN *txn, int step, uint32_t *count)
{
	int rc = tree_get(store, txn, TABLE_ANSWER_TIMES, count_name,
	    strlen(count_name), count, sizeof(*count), NULL, DB_RMW);

	if (rc == DB_NOTFOUND)
		*count = 0;
	else if (rc)
		return rc;
	if (step > 0 || *count > 0)
		*count += (uint32_t)step;
	return tree_put(store, txn, TABLE_ANSWER_TIMES, count_name,
	    strlen(count_name), count, sizeof(*count), 0);
}

/* Whether the process that a record calls running works on it still. */
static enum store_rc
is_running(struct store *store, DB_TXN *txn, const struct answer_record *record,
    bool *running)
{
	struct hold_record hold;
	enum store_rc rc;

	*running = false;
	if (record->state != ANSWER_RECORD_RUNNING)
		return STORE_OK;
	rc = hold_read(store, txn, record->slot, &hold, DB_READ_COMMITTED);
	*running = rc == STORE_OK && hold.outstanding &&
	           memcmp(&hold.id, &record->id, sizeof(hold.id)) == 0;
	return rc;
}

/* The head of a record without its answer. 0, DB_NOTFOUND or an error. */
static int
read_head(struct store *store, DB_TXN *txn, const struct answer_key *key,
    struct answer_record *record, uint32_t flags)
{
	int rc = tree_get_part(store, txn, TABLE_ANSWERS, key, sizeof(*key),
	    record, 0, sizeof(*record), flags);

	if (rc == 0 && record->version != RECORD_VERSION)
		return DB_NOTFOUND;
	return rc;
}

static bool
is_answered(const struct answer_record *record)
{
	return record->state == ANSWER_RECORD_KEPT &&
	       record->expires_ms > clock_wall_ms();
}

static enum answer_state
state_of(const struct answer_record *record, const struct answer_claim *claim,
    bool running)
{
	if (!running && !is_answered(record))
		return ANSWER_NONE;
	if (memcmp(record->body, claim->body, sizeof(record->body)) != 0)
		return ANSWER_OTHER;
	return running ? ANSWER_RUNNING : ANSWER_KEPT;
}

struct find {
	const struct answer_claim *claim;
	struct answer *answer;
	enum answer_state state;
};

static enum store_rc
read_answer(struct store *store, DB_TXN *txn, const struct answer_key *key,
    const struct answer_record *record, struct answer *answer)
{
	*answer = (struct answer){
		.http = record->http,
		.id = record->id,
		.cost = { record->cost },
		.body_len = record->answer_len,
	};
	memcpy(answer->content_type, record->content_type,
	    sizeof(answer->content_type) - 1);
	if (!record->has_answer)
		return STORE_OK;
	answer->body = malloc((size_t)record->answer_len + 1);
	if (!answer->body)
		return STORE_UNAVAILABLE;
	if (tree_get_part(store, txn, TABLE_ANSWERS, key, sizeof(*key),
	    answer->body, sizeof(*record), record->answer_len, 0)) {
		free(answer->body);
		answer->body = NULL;
		return store_broken(store, "cannot read a kept answer");
	}
	answer->body[record->answer_len] = '\0';
	return STORE_OK;
}

static enum store_rc
find_body(struct store *store, DB_TXN *txn, void *context)
{
	struct find *find = context;
	struct answer_key key = key_of(&find->claim->name);
	struct answer_record record;
	bool running;
	enum store_rc rc;
	int got = read_head(store, txn, &key, &record, 0);

	find->state = ANSWER_NONE;
	if (got == DB_NOTFOUND)
		return STORE_OK;
	if (got)
		return store_broken(store, "cannot look for an answer");
	rc = is_running(store, txn, &record, &running);
	if (rc != STORE_OK)
		return rc;
	find->state = state_of(&record, find->claim, running);
	if (find->state != ANSWER_KEPT)
		return STORE_OK;
	return read_answer(store, txn, &key, &record, find->answer);
}

enum answer_state
answer_find(struct store *store, const struct answer_claim *claim,
    struct answer *answer)
{
	struct find find = { .claim = claim, .answer = answer };

	if (store_transact(store, STORE_READ, find_body, &find) != STORE_OK)
		return ANSWER_ASK_AGAIN;
	return find.state;
}

struct twin {
	uint32_t key;
	const unsigned char *body;
	bool found;
};

static enum store_rc
twin_body(struct store *store, DB_TXN *txn, void *context)
{
	struct twin *twin = context;
	struct tree_walk walk;
	int rc;

	twin->found = false;
	if (walk_open(store, txn, TABLE_HOLDS, &walk))
		return store_broken(store, "cannot list the holds");
	while (!twin->found &&
	    (rc = walk_step(store, &walk, DB_NEXT)) == 0) {
		struct hold_record record;

		memcpy(&record, walk.data_bytes, sizeof(record));
		twin->found = record.outstanding && record.key == twin->key &&
		    memcmp(record.body, twin->body, HASH_BYTES) == 0;
	}
	walk_close(&walk);
	if (!twin->found && rc != DB_NOTFOUND)
		return store_broken(store, "cannot list the holds");
	return STORE_OK;
}

enum answer_state
answer_twin(struct store *store, uint32_t key,
    const unsigned char body[DIGEST_BYTES])
{
	struct twin twin = { .key = key, .body = body };

	if (store_transact(store, STORE_READ, twin_body, &twin) != STORE_OK)
		return ANSWER_ASK_AGAIN;
	return twin.found ? ANSWER_RUNNING : ANSWER_NONE;
}

static enum store_rc
forget(struct store *store, DB_TXN *txn, const struct answer_time_key *when)
{
	uint32_t count;

	if (tree_delete(store, txn, TABLE_ANSWERS, &when->answer,
	    sizeof(when->answer)) == DB_NOTFOUND)
		return store_corrupt(store, "a kept answer is missing");
	if (tree_delete(store, txn, TABLE_ANSWER_TIMES, when,
	    sizeof(*when)) ||
	    count_add(store, txn, -1, &count))
		return store_broken(store, "cannot forget an answer");
	return STORE_OK;
}

/* The one that expires first; *found tells whether there is one. */
static enum store_rc
oldest(struct store *store, DB_TXN *txn, struct answer_time_key *when,
    bool *found)
{
	struct tree_walk walk;
	int rc;

	if (walk_open(store, txn, TABLE_ANSWER_TIMES, &walk))
		return store_broken(store, "cannot list the kept answers");
	rc = walk_step(store, &walk, DB_FIRST);
	*found = rc == 0 && walk.key.size == sizeof(*when);
	if (*found)
		memcpy(when, walk.key_bytes, sizeof(*when));
	walk_close(&walk);
	return rc && rc != DB_NOTFOUND ?
	    store_broken(store, "cannot list the kept answers") : STORE_OK;
}

/* Notes when a new record expires; makes room for it when there is none. */
static enum store_rc
note_time(struct store *store, DB_TXN *txn, const struct answer_key *key,
    int64_t expires_ms)
{
	struct answer_time_key when = time_key_of(key, expires_ms), first;
	enum store_rc rc;
	uint32_t count;
	bool found;

	if (tree_put(store, txn, TABLE_ANSWER_TIMES, &when, sizeof(when), "",
	    0, 0) || count_add(store, txn, 1, &count))
		return store_broken(store, "cannot keep an answer");
	if (count <= ANSWERS_MAX)
		return STORE_OK;
	rc = oldest(store, txn, &first, &found);
	return rc == STORE_OK && found ? forget(store, txn, &first) : rc;
}

/*
 * Writes a record in the place of *old, when there is one. answer may be NULL
 * or have no body.
 */
static enum store_rc
put_record(struct store *store, DB_TXN *txn, const struct answer_claim *claim,
    const struct answer_record *old, struct answer_record *record,
    const char *body)
{
	struct answer_key key = key_of(&claim->name);
	struct answer_time_key when;
	size_t len = body ? record->answer_len : 0;
	unsigned char *data;
	int rc;

	record->version = RECORD_VERSION;
	record->expires_ms = claim->expires_ms;
	memcpy(record->body, claim->body, sizeof(record->body));
	data = malloc(sizeof(*record) + len);
	if (!data)
		return STORE_UNAVAILABLE;
	memcpy(data, record, sizeof(*record));
	if (body)
		memcpy(data + sizeof(*record), body, len);
	rc = tree_put(store, txn, TABLE_ANSWERS, &key, sizeof(key), data,
	    sizeof(*record) + len, 0);
	free(data);
	if (rc)
		return store_broken(store, "cannot keep an answer");
	if (old && old->expires_ms == claim->expires_ms)
		return STORE_OK;
	if (old) {
		uint32_t count;

		when = time_key_of(&key, old->expires_ms);
		if (tree_delete(store, txn, TABLE_ANSWER_TIMES, &when,
		    sizeof(when)) || count_add(store, txn, -1, &count))
			return store_broken(store, "cannot keep an answer");
	}
	return note_time(store, txn, &key, claim->expires_ms);
}

enum store_rc
answer_begin(struct store *store, DB_TXN *txn,
    const struct answer_claim *claim, const struct request_id *id,
    uint32_t slot)
{
	struct answer_key key = key_of(&claim->name);
	struct answer_record old, record = {
		.state = ANSWER_RECORD_RUNNING,
		.slot = slot,
		.id = *id,
	};
	bool running;
	enum store_rc rc;
	int got = read_head(store, txn, &key, &old, DB_RMW);

	if (got == DB_NOTFOUND)
		return put_record(store, txn, claim, NULL, &record, NULL);
	if (got)
		return store_broken(store, "cannot look for an answer");
	/* Its own, after a try whose outcome was unknown. */
	if (memcmp(&old.id, id, sizeof(*id)) == 0)
		return STORE_OK;
	rc = is_running(store, txn, &old, &running);
	if (rc != STORE_OK)
		return rc;
	if (state_of(&old, claim, running) != ANSWER_NONE)
		return STORE_EXISTS;
	return put_record(store, txn, claim, &old, &record, NULL);
}

enum store_rc
answer_write(struct store *store, DB_TXN *txn,
    const struct answer_claim *claim, const struct answer *answer)
{
	struct answer_key key = key_of(&claim->name);
	struct answer_record old, record = {
		.state = ANSWER_RECORD_KEPT,
		.http = (uint16_t)answer->http,
		.id = answer->id,
		.cost = answer->cost.nano,
		.answer_len = answer->body ? (uint32_t)answer->body_len : 0,
		.has_answer = answer->body != NULL,
	};
	int got = read_head(store, txn, &key, &old, DB_RMW);

	if (got && got != DB_NOTFOUND)
		return store_broken(store, "cannot look for an answer");
	memcpy(record.content_type, answer->content_type,
	    sizeof(record.content_type) - 1);
	return put_record(store, txn, claim, got == 0 ? &old : NULL, &record,
	    answer->body);
}

struct keep {
	const struct answer_claim *claim;
	const struct answer *answer;
};

static enum store_rc
keep_body(struct store *store, DB_TXN *txn, void *context)
{
	struct keep *keep = context;

	return answer_write(store, txn, keep->claim, keep->answer);
}

enum store_rc
answer_keep(struct store *store, const struct answer_claim *claim,
    const struct answer *answer)
{
	struct keep keep = { claim, answer };

	return store_transact(store, STORE_WRITE, keep_body, &keep);
}

static enum store_rc
expire_body(struct store *store, DB_TXN *txn, void *context)
{
	bool *more = context;
	int64_t now_ms = clock_wall_ms();

	*more = false;
	for (int i = 0; i < EXPIRE_AT_ONCE; i++) {
		struct answer_time_key first;
		bool found;
		enum store_rc rc = oldest(store, txn, &first, &found);

		if (rc != STORE_OK || !found ||
		    (int64_t)get_be64(first.expires_ms) > now_ms)
			return rc;
		rc = forget(store, txn, &first);
		if (rc != STORE_OK)
			return rc;
	}
	*more = true;
	return STORE_OK;
}

bool
answer_expire(struct store *store)
{
	bool more;

	return store_transact(store, STORE_WRITE, expire_body, &more) ==
	           STORE_OK && more;
}
