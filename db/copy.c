/* copy.c: a copy of the store, taken while it is in use. */
#include "db/copy_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/files.h"
#include "db/space.h"

enum {
	CHUNK_BYTES = 128 * TABLE_PAGE_BYTES,
	TORN_TRIES = 500,         /* until a page counts as damaged */
	TORN_NAP_US = 1000,
	LOGS_WAIT_US = 5000000,   /* for another's short removal of logs */
	ELDERS_WAIT_US = 10000000,
	NAP_US = 2000,
	/* Where a page says what it is, and where its checksum lies. */
	PAGE_TYPE_AT = 25,
	PAGE_SUM_AT = 28,
	META_SUM_AT = 492,
	PAGE_IS_HASH_META = 8,
	PAGE_IS_QUEUE_META = 10,
};

struct copy {
	struct store *store;
	const char *dir;
	enum copy_source source;
	const struct complaints *complaints;
	DB_LSN mark;              /* of the first checkpoint */
	bool has_elders;          /* transactions older than the mark */
	bool damaged;
	unsigned char chunk[CHUNK_BYTES];
};

struct copy_size {
	const char *dir;
	int64_t bytes;
};

/* Berkeley DB's checksum: of the page with the sum's own bytes as zero. */
static bool
page_is_whole(const unsigned char page[TABLE_PAGE_BYTES])
{
	unsigned type = page[PAGE_TYPE_AT];
	size_t at = type >= PAGE_IS_HASH_META && type <= PAGE_IS_QUEUE_META ?
	    META_SUM_AT : PAGE_SUM_AT;
	uint32_t sum = 0, stored;

	memcpy(&stored, page + at, sizeof(stored));
	for (size_t i = 0; i < TABLE_PAGE_BYTES; i++)
		sum = sum * 33 + (i - at < sizeof(stored) ? 0 : page[i]);
	/* A page that was never written is zero, and so is its sum. */
	return sum == stored;
}

/* Reads until the end of the file; what was read, or -1. */
static ssize_t
read_at(int fd, unsigned char *data, size_t len, off_t at)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, data + done, len - done,
		    at + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static bool
write_all(int fd, const unsigned char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* A page that was read while it was written is whole a moment later. */
static bool
read_again(int fd, unsigned char page[TABLE_PAGE_BYTES], off_t at)
{
	for (int i = 0; i < TORN_TRIES; i++) {
		clock_sleep_us(TORN_NAP_US);
		if (read_at(fd, page, TABLE_PAGE_BYTES, at) ==
		    TABLE_PAGE_BYTES && page_is_whole(page))
			return true;
	}
	return false;
}

static void
complain_of_page(struct copy *copy, const char *name, off_t at)
{
	char sentence[256];

	snprintf(sentence, sizeof(sentence), "%s: page %lld is damaged: its "
	    "checksum does not hold", name,
	    (long long)(at / TABLE_PAGE_BYTES));
	copy->damaged = true;
	copy->complaints->complain(sentence, copy->complaints->context);
}

static bool
copy_pages(struct copy *copy, int from, int to, const char *name)
{
	off_t at = 0;

	for (;;) {
		ssize_t got = read_at(from, copy->chunk, CHUNK_BYTES, at);

		if (got < 0)
			return false;
		/* A page being appended: recovery makes it once more. */
		got -= got % TABLE_PAGE_BYTES;
		if (got == 0)
			return true;
		for (ssize_t i = 0; i < got; i += TABLE_PAGE_BYTES)
			if (!page_is_whole(copy->chunk + i) &&
			    !read_again(from, copy->chunk + i, at + i))
				complain_of_page(copy, name, at + i);
		if (!write_all(to, copy->chunk, (size_t)got))
			return false;
		at += got;
	}
}

static bool
copy_bytes(struct copy *copy, int from, int to, const char *name)
{
	off_t at = 0;
	ssize_t got;

	(void)name;
	do {
		got = read_at(from, copy->chunk, CHUNK_BYTES, at);
		if (got < 0 || !write_all(to, copy->chunk, (size_t)got))
			return false;
		at += got;
	} while (got > 0);
	return true;
}

/* Opens both files and has them copied. */
static enum store_rc
copy_file(struct copy *copy, const char *name,
    bool (*transfer)(struct copy *copy, int from, int to, const char *name))
{
	int from = file_open(copy->store->dir, name, O_RDONLY);
	int to = from < 0 ? -1 : file_open(copy->dir, name,
	    O_WRONLY | O_CREAT | O_EXCL);
	bool copied = to >= 0;

	if (copied && copy->source == COPY_FROM_DISK)
		posix_fadvise(from, 0, 0, POSIX_FADV_DONTNEED);
	copied = copied && transfer(copy, from, to, name) && fsync(to) == 0;
	if (!copied)
		snprintf(copy->store->why, STORE_WHY_SIZE, "cannot copy %s/%s "
		    "to %s: %s", copy->store->dir, name, copy->dir,
		    strerror(errno));
	if (to >= 0)
		close(to);
	if (from >= 0)
		close(from);
	return copied ? STORE_OK : STORE_UNAVAILABLE;
}

static enum store_rc
checkpoint_body(struct store *store, DB_TXN *txn, void *context)
{
	int rc = store_checkpoint(store, DB_FORCE);

	(void)txn;
	(void)context;
	return rc ? store_failed(store, rc, "cannot checkpoint") : STORE_OK;
}

/* Where the last checkpoint is, and whether a transaction began before. */
static enum store_rc
look_body(struct store *store, DB_TXN *txn, void *context)
{
	struct copy *copy = context;
	DB_TXN_STAT *stat;
	int rc = store->env->txn_stat(store->env, &stat, 0);

	(void)txn;
	if (rc)
		return store_failed(store, rc, "cannot look at transactions");
	if (copy->mark.file == 0)
		copy->mark = stat->st_last_ckp;
	copy->has_elders = false;
	for (uint32_t i = 0; i < stat->st_nactive; i++) {
		const DB_LSN *begun = &stat->st_txnarray[i].lsn;

		/* Zero: it has written nothing yet. */
		if (begun->file != 0 && log_compare(begun, &copy->mark) < 0)
			copy->has_elders = true;
	}
	free(stat);
	return STORE_OK;
}

/*
 * Two checkpoints: the first names the open tables in the log, without which a
 * recovery could not apply what follows; the second has every older change
 * written to the tables. What began before the first must have ended, because
 * nobody could undo it in the copy.
 */
static enum store_rc
mark_log(struct copy *copy)
{
	struct store *store = copy->store;
	int64_t end_us = clock_mono_us() + ELDERS_WAIT_US;
	enum store_rc rc = store_transact(store, STORE_UPKEEP,
	    checkpoint_body, NULL);

	if (rc == STORE_OK)
		rc = store_transact(store, STORE_UPKEEP, look_body, copy);
	while (rc == STORE_OK && copy->has_elders) {
		if (clock_mono_us() > end_us) {
			snprintf(store->why, sizeof(store->why),
			    "a transaction does not end");
			return STORE_UNAVAILABLE;
		}
		clock_sleep_us(NAP_US);
		rc = store_transact(store, STORE_UPKEEP, look_body, copy);
	}
	return rc == STORE_OK ? store_transact(store, STORE_UPKEEP,
	    checkpoint_body, NULL) : rc;
}

static bool
copy_log(const char *name, void *context)
{
	return copy_file(context, name, copy_bytes) == STORE_OK;
}

static enum store_rc
copy_all(struct copy *copy)
{
	struct store *store = copy->store;
	enum store_rc rc = mark_log(copy);

	for (int i = 0; rc == STORE_OK && i < TABLE__COUNT; i++)
		rc = copy_file(copy, environment_file((enum table)i),
		    copy_pages);
	/* The logs last, so that they tell of all that the tables hold. */
	if (rc == STORE_OK) {
		store->why[0] = '\0';
		if (!logs_each(store->dir, copy_log, copy))
			rc = STORE_UNAVAILABLE;
		else if (dir_flush(copy->dir) != 0)
			rc = STORE_UNAVAILABLE;
		if (rc != STORE_OK && !store->why[0])
			snprintf(store->why, sizeof(store->why), "cannot copy "
			    "the log to %s: %s", copy->dir, strerror(errno));
	}
	return rc == STORE_OK && copy->damaged ? STORE_CORRUPT : rc;
}

/* Log files stay from here on. Whoever removes some needs a moment only. */
static bool
take_logs(struct store *store)
{
	int64_t end_us = clock_mono_us() + LOGS_WAIT_US;

	while (!gate_take_logs(store->gate)) {
		if (clock_mono_us() > end_us) {
			snprintf(store->why, sizeof(store->why), "the store "
			    "is being copied already; try again when that "
			    "has ended");
			return false;
		}
		clock_sleep_us(NAP_US);
	}
	return true;
}

enum store_rc
copy_take(struct store *store, const char *dir, enum copy_source source,
    const struct complaints *complaints)
{
	struct copy *copy = calloc(1, sizeof(*copy));
	enum store_rc rc = STORE_UNAVAILABLE;

	if (!copy) {
		snprintf(store->why, sizeof(store->why), "out of memory");
		return STORE_UNAVAILABLE;
	}
	copy->store = store;
	copy->dir = dir;
	copy->source = source;
	copy->complaints = complaints;
	/* What a failed flush may have lost is written again first. */
	if (gate_flush_failed(store->gate) && !store_bring_back(store))
		snprintf(store->why, sizeof(store->why), "the store cannot be "
		    "recovered after a failed flush; look at its disk");
	else if (take_logs(store)) {
		rc = copy_all(copy);
		gate_give_logs(store->gate);
	}
	free(copy);
	return rc;
}

void
ignore_complaint(const char *sentence, void *context)
{
	(void)sentence;
	(void)context;
}

static bool
add_log(const char *name, void *context)
{
	struct copy_size *size = context;

	size->bytes += file_size(size->dir, name);
	return true;
}

int64_t
copy_size(const char *dir)
{
	struct copy_size size = { .dir = dir };

	for (int i = 0; i < TABLE__COUNT; i++)
		size.bytes += file_size(dir, environment_file((enum table)i));
	logs_each(dir, add_log, &size);
	return size.bytes;
}

bool
copy_has_room(const struct store *store, const char *dir,
    char why[STORE_WHY_SIZE])
{
	int64_t bytes = copy_size(store->dir), there = space_free(dir);

	if (there < 0 || there - bytes >= store->free_bytes_min)
		return true;
	snprintf(why, STORE_WHY_SIZE, "a copy of the store takes %lld MiB, "
	    "for which there is no room in %s", (long long)(bytes >> 20) + 1,
	    dir);
	return false;
}

struct store *
copy_open(const char *dir, uint32_t flags, char why[STORE_WHY_SIZE])
{
	struct store *copy = calloc(1, sizeof(*copy));
	int rc;

	if (!copy || !(copy->dir = strdup(dir))) {
		snprintf(why, STORE_WHY_SIZE, "out of memory");
		free(copy);
		return NULL;
	}
	rc = environment_open_copy(copy, flags);
	if (rc == 0)
		return copy;
	snprintf(why, STORE_WHY_SIZE, "the copy in %s cannot be recovered: %s",
	    dir, db_strerror(rc));
	environment_close(copy);
	free(copy->dir);
	free(copy);
	return NULL;
}

bool
copy_close(struct store *copy)
{
	bool closed = copy->env->txn_checkpoint(copy->env, 0, 0,
	    DB_FORCE) == 0 && environment_prune(copy) == 0;

	environment_close(copy);
	free(copy->dir);
	free(copy);
	return closed;
}
