/* shared.c: a small file that every process maps, with one lock. */
#include "db/shared.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/files.h"
#include "db/process.h"

enum {
	SHARED_MAGIC = 0x66627873, /* "fbxs" */
	HEAD_BYTES = 4096,         /* a page, so that the data is aligned */
	NAP_US = 20,
	NAP_US_MAX = 1000,         /* then it is time to ask if it lives */
};

/* In front of the data. */
struct head {
	uint32_t magic, version;
	_Atomic process_id owner;  /* who has the lock, or died with it; 0 */
	uint64_t bytes;            /* of the data */
	char boot[BOOT_ID_SIZE];
};

_Static_assert(sizeof(struct head) <= HEAD_BYTES, "one page");
_Static_assert(__atomic_always_lock_free(sizeof(process_id), 0),
    "the lock needs lock-free atomics");

struct shared {
	const struct shared_kind *kind;
	int fd;
	struct head *head;         /* the mapping: HEAD_BYTES, then the data */
	process_id self;
	bool locked;
};

static void *
data_of(const struct shared *shared)
{
	return (char *)shared->head + HEAD_BYTES;
}

/* Of the file, for its making. */
static bool
lock_file(const struct shared *shared, short type)
{
	struct flock all = { .l_type = type, .l_whence = SEEK_SET };
	int rc;

	do
		rc = fcntl(shared->fd, F_SETLKW, &all);
	while (rc != 0 && errno == EINTR);
	return rc == 0;
}

/* True when nobody has the lock, or who had it is dead: *found says who. */
static bool
try_lock(struct shared *shared, process_id *found)
{
	*found = 0;
	return atomic_compare_exchange_strong(&shared->head->owner, found,
	           shared->self);
}

static bool
take_over(struct shared *shared, process_id dead)
{
	return !process_is_alive(dead) && atomic_compare_exchange_strong(
	    &shared->head->owner, &dead, shared->self);
}

/*
 * Takes the lock, without a system call when it is free. Whoever has it gives
 * it back at once, so those who wait take short naps. *dead is who died with
 * it, or 0.
 */
static bool
take_lock(struct shared *shared, process_id *dead)
{
	int64_t until_us = 0, nap_us = NAP_US;
	process_id owner;

	*dead = 0;
	while (!try_lock(shared, &owner)) {
		int64_t now_us = clock_mono_us();

		if (until_us == 0)
			until_us = now_us + SHARED_PATIENCE_MS * 1000;
		else if (now_us > until_us)
			return false;
		clock_sleep_us(nap_us);
		if (nap_us < NAP_US_MAX) {
			nap_us *= 2;
		} else if (take_over(shared, owner)) {
			*dead = owner;
			return true;
		}
	}
	return true;
}

/* Gives the file its blocks. On systems without such a call it is as large as
 * it should be, which is all that can be had. */
static bool
reserve(const struct shared *shared, size_t bytes)
{
	int rc;

	do
		rc = posix_fallocate(shared->fd, 0,
		    (off_t)(HEAD_BYTES + bytes));
	while (rc == EINTR);
	if (rc == EOPNOTSUPP || rc == EINVAL)
		rc = ftruncate(shared->fd, (off_t)(HEAD_BYTES + bytes)) == 0 ?
		    0 : errno;
	errno = rc;
	return rc == 0;
}

static bool
is_ours(const struct shared *shared, const char *boot)
{
	const struct head *head = shared->head;
	struct stat status;

	return fstat(shared->fd, &status) == 0 &&
	       status.st_size >= (off_t)HEAD_BYTES &&
	       head->magic == SHARED_MAGIC &&
	       head->version == shared->kind->version &&
	       head->bytes >= shared->kind->bytes &&
	       head->bytes <= shared->kind->bytes_max &&
	       status.st_size >= (off_t)(HEAD_BYTES + head->bytes) &&
	       memcmp(head->boot, boot, BOOT_ID_SIZE) == 0;
}

static void
clear(struct shared *shared)
{
	memset(data_of(shared), 0, shared->head->bytes);
	shared->kind->clear(data_of(shared), shared->head->bytes);
}

/* Times of another boot mean nothing: its file is begun anew. */
static bool
make_ours(struct shared *shared)
{
	char boot[BOOT_ID_SIZE] = "";
	struct stat status;
	bool is_new;

	process_boot_id(boot);
	if (is_ours(shared, boot))
		return true;
	is_new = fstat(shared->fd, &status) == 0 && status.st_size == 0;
	if (!reserve(shared, shared->kind->bytes))
		return false;
	*shared->head = (struct head){
		.magic = SHARED_MAGIC,
		.version = shared->kind->version,
		.bytes = shared->kind->bytes,
	};
	memcpy(shared->head->boot, boot, sizeof(boot));
	/* What is new is zero, and stays out of memory until it is used. */
	if (is_new)
		shared->kind->clear(data_of(shared), shared->head->bytes);
	else
		clear(shared);
	return true;
}

static bool
map_file(struct shared *shared)
{
	/* As large as it may get: it must not move when it grows. */
	void *map = mmap(NULL, HEAD_BYTES + shared->kind->bytes_max,
	    PROT_READ | PROT_WRITE, MAP_SHARED, shared->fd, 0);
	bool made;
	int saved;

	if (map == MAP_FAILED)
		return false;
	shared->head = map;
	if (!lock_file(shared, F_WRLCK))
		return false;
	made = make_ours(shared);
	saved = errno;
	lock_file(shared, F_UNLCK);
	errno = saved;
	return made;
}

struct shared *
shared_open(const char *dir, const struct shared_kind *kind)
{
	struct shared *shared = calloc(1, sizeof(*shared));
	int saved;

	if (!shared)
		return NULL;
	shared->kind = kind;
	shared->self = process_self();
	shared->fd = file_open(dir, kind->name, O_RDWR | O_CREAT);
	if (shared->fd >= 0 && map_file(shared))
		return shared;
	saved = errno;
	shared_close(shared);
	errno = saved;
	return NULL;
}

void
shared_close(struct shared *shared)
{
	if (!shared)
		return;
	assert(!shared->locked);
	if (shared->head)
		munmap(shared->head, HEAD_BYTES + shared->kind->bytes_max);
	if (shared->fd >= 0)
		close(shared->fd);
	free(shared);
}

void *
shared_lock(struct shared *shared)
{
	void *data = data_of(shared);
	process_id dead;

	assert(!shared->locked);
	if (!take_lock(shared, &dead))
		return NULL;
	shared->locked = true;
	if (dead && (!shared->kind->mend ||
	    !shared->kind->mend(data, shared->head->bytes)))
		clear(shared);
	return data;
}

void
shared_unlock(struct shared *shared)
{
	assert(shared->locked);
	shared->locked = false;
	atomic_store(&shared->head->owner, 0);
}

size_t
shared_bytes(const struct shared *shared)
{
	assert(shared->locked);
	return shared->head->bytes;
}

bool
shared_grow(struct shared *shared, size_t bytes)
{
	assert(shared->locked);
	if (bytes > shared->kind->bytes_max || !reserve(shared, bytes))
		return false;
	shared->head->bytes = bytes;
	return true;
}

const void *
shared_glance(const struct shared *shared)
{
	return data_of(shared);
}
