/* pepper.c: the secrets that keys are hashed with, and the file they are in. */
#include "db/pepper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/store_private.h"

/*
 * The file holds a line per pepper, the newest first: its number, a colon and
 * its bytes in hexadecimal. Without it no key can be recognised, and with it
 * and the tables keys could be guessed at; so a backup keeps them apart.
 */
enum {
	HEX_DIGITS = PEPPER_BYTES * 2,
	LINE_BYTES = HEX_DIGITS + 16,
	FILE_BYTES = LINE_BYTES * PEPPERS_MAX,
};

static const char file_name[] = "pepper";
static const char new_name[] = "pepper.new";

static size_t
format_line(char *out, size_t size, const struct pepper *pepper)
{
	size_t len = (size_t)snprintf(out, size, "%u:", pepper->number);

	for (int i = 0; i < PEPPER_BYTES; i++)
		len += (size_t)snprintf(out + len, size - len, "%02x",
		    pepper->secret[i]);
	out[len++] = '\n';
	return len;
}

static bool
write_new(int dir, const char *text, size_t len)
{
	int fd = openat(dir, new_name, O_WRONLY | O_CREAT | O_TRUNC |
	    O_NOFOLLOW | O_CLOEXEC, 0600);
	bool written;

	if (fd < 0)
		return false;
	/* One that a crash left may have other bits. */
	written = fchmod(fd, 0600) == 0 &&
	    write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
	return close(fd) == 0 && written;
}

/* Replaces the file as a whole; it survives a power cut once it is there. */
static bool
write_file(int dir, const struct pepper *peppers, size_t n)
{
	char text[FILE_BYTES];
	size_t len = 0;
	bool written;

	for (size_t i = 0; i < n; i++)
		len += format_line(text + len, sizeof(text) - len,
		    &peppers[i]);
	written = write_new(dir, text, len) &&
	    renameat(dir, new_name, dir, file_name) == 0 && fsync(dir) == 0;
	secret_wipe(text, sizeof(text));
	return written;
}

bool
pepper_create(const char *dir, char why[STORE_WHY_SIZE])
{
	struct pepper first = { .number = 1 };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool made = false;

	if (fd >= 0 && faccessat(fd, file_name, F_OK, 0) == 0)
		errno = EEXIST;
	else if (fd >= 0 && random_bytes(first.secret, sizeof(first.secret)))
		made = write_file(fd, &first, 1);
	if (!made)
		snprintf(why, STORE_WHY_SIZE, "cannot write %s/%s: %s", dir,
		    file_name, strerror(errno));
	if (fd >= 0)
		close(fd);
	secret_wipe(&first, sizeof(first));
	return made;
}

static bool
parse_line(const char *line, size_t len, struct pepper *pepper)
{
	char *hex;
	unsigned long number = strtoul(line, &hex, 10);

	if (number == 0 || number > UINT32_MAX || *hex++ != ':' ||
	    strspn(hex, "0123456789abcdef") != HEX_DIGITS ||
	    hex + HEX_DIGITS != line + len)
		return false;
	pepper->number = (uint32_t)number;
	for (int i = 0; i < PEPPER_BYTES; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		pepper->secret[i] = (unsigned char)strtoul(pair, NULL, 16);
	}
	return true;
}

/* How many peppers the text holds, or 0 when it is damaged. */
static size_t
parse_text(const char *text, struct pepper peppers[PEPPERS_MAX])
{
	size_t n = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");

		if (n == PEPPERS_MAX || !text[len] ||
		    !parse_line(text, len, &peppers[n]))
			return 0;
		text += len + 1;
		n++;
	}
	return n;
}

static struct pepper_stamp
stamp_of(const struct stat *status)
{
	return (struct pepper_stamp){
		.device = status->st_dev,
		.inode = status->st_ino,
		.bytes = status->st_size,
		.changed = status->st_ctim,
	};
}

static bool
stamps_equal(const struct pepper_stamp *a, const struct pepper_stamp *b)
{
	return a->device == b->device && a->inode == b->inode &&
	       a->bytes == b->bytes &&
	       a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Fills why; *n is 0 unless what the file holds is fit for use. */
static void
read_peppers(int fd, const char *path, struct pepper peppers[PEPPERS_MAX],
    size_t *n, char why[STORE_WHY_SIZE])
{
	char text[FILE_BYTES + 2];
	ssize_t len = read(fd, text, sizeof(text) - 1);

	*n = 0;
	if (len < 0) {
		snprintf(why, STORE_WHY_SIZE, "cannot read %s: %s", path,
		    strerror(errno));
		return;
	}
	text[len] = '\0';
	if (strlen(text) == (size_t)len)
		*n = parse_text(text, peppers);
	secret_wipe(text, sizeof(text));
	if (*n == 0)
		snprintf(why, STORE_WHY_SIZE, "%s is damaged; put it back "
		    "from a backup", path);
}

static bool
load_file(struct store *store, const char *path, char why[STORE_WHY_SIZE])
{
	struct pepper peppers[PEPPERS_MAX];
	struct stat status;
	size_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) != 0)
		snprintf(why, STORE_WHY_SIZE, "cannot read %s: %s", path,
		    strerror(errno));
	else if (status.st_mode & 077)
		snprintf(why, STORE_WHY_SIZE, "others can read %s; run: "
		    "chmod 600 %s", path, path);
	else
		read_peppers(fd, path, peppers, &n, why);
	if (fd >= 0)
		close(fd);
	if (n > 0) {
		memcpy(store->peppers, peppers, sizeof(peppers));
		store->n_peppers = n;
		store->pepper_stamp = stamp_of(&status);
	}
	secret_wipe(peppers, sizeof(peppers));
	return n > 0;
}

bool
pepper_load(struct store *store, char why[STORE_WHY_SIZE])
{
	char *path;
	bool loaded;

	if (asprintf(&path, "%s/%s", store->dir, file_name) < 0)
		return false;
	loaded = load_file(store, path, why);
	free(path);
	return loaded;
}

bool
pepper_refresh(struct store *store)
{
	char why[STORE_WHY_SIZE], *path;
	struct pepper_stamp stamp;
	struct stat status;
	bool changed = false;

	if (asprintf(&path, "%s/%s", store->dir, file_name) < 0)
		return false;
	if (stat(path, &status) == 0) {
		stamp = stamp_of(&status);
		changed = !stamps_equal(&stamp, &store->pepper_stamp) &&
		    load_file(store, path, why);
	}
	free(path);
	return changed;
}

/* The store's directory, locked against others who change its peppers. */
static int
lock_dir(struct store *store)
{
	int fd = open(store->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX) == 0)
		return fd;
	snprintf(store->why, sizeof(store->why), "cannot lock %s: %s",
	    store->dir, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Writes the file, and takes it over. */
static enum store_rc
replace_file(struct store *store, int dir, const struct pepper *peppers,
    size_t n)
{
	if (write_file(dir, peppers, n))
		return pepper_load(store, store->why) ? STORE_OK :
		    STORE_UNAVAILABLE;
	snprintf(store->why, sizeof(store->why), "cannot write %s/%s: %s",
	    store->dir, file_name, strerror(errno));
	return STORE_UNAVAILABLE;
}

static enum store_rc
rotate_locked(struct store *store, int dir, uint32_t *number)
{
	struct pepper peppers[PEPPERS_MAX];
	enum store_rc rc = STORE_UNAVAILABLE;

	if (!pepper_load(store, store->why))
		return STORE_UNAVAILABLE;
	if (store->n_peppers == PEPPERS_MAX ||
	    store->peppers[0].number == UINT32_MAX)
		return STORE_OUT_OF_RANGE;
	/* The newest is never dropped, so its number is the highest ever. */
	*number = store->peppers[0].number + 1;
	peppers[0].number = *number;
	memcpy(peppers + 1, store->peppers,
	    store->n_peppers * sizeof(*peppers));
	if (random_bytes(peppers[0].secret, PEPPER_BYTES))
		rc = replace_file(store, dir, peppers, store->n_peppers + 1);
	secret_wipe(peppers, sizeof(peppers));
	return rc;
}

enum store_rc
pepper_rotate(struct store *store, uint32_t *number)
{
	int dir = lock_dir(store);
	enum store_rc rc;

	if (dir < 0)
		return STORE_UNAVAILABLE;
	rc = rotate_locked(store, dir, number);
	close(dir);
	return rc;
}

/* The moves to a newer pepper must not be undone once the old one is gone. */
static enum store_rc
nothing(struct store *store, DB_TXN *txn, void *context)
{
	(void)store;
	(void)txn;
	(void)context;
	return STORE_OK;
}

static enum store_rc
flush_moves(struct store *store)
{
	bool flush = store->flush;
	enum store_rc rc;

	store->flush = true;
	rc = store_transact(store, STORE_DURABLE, nothing, NULL);
	store->flush = flush;
	return rc;
}

/* Which of the loaded peppers bears the number; n_peppers for none. */
static size_t
find_pepper(const struct store *store, uint32_t number)
{
	size_t i = 0;

	while (i < store->n_peppers && store->peppers[i].number != number)
		i++;
	return i;
}

static enum store_rc
is_unused(struct store *store, size_t index)
{
	struct pepper_use uses[PEPPERS_MAX];
	size_t n;
	enum store_rc rc = pepper_list(store, uses, &n);

	if (rc == STORE_OK && uses[index].usable > 0)
		return STORE_NOT_ACTIVE;
	return rc == STORE_OK ? flush_moves(store) : rc;
}

static enum store_rc
drop_locked(struct store *store, int dir, uint32_t number, bool force)
{
	struct pepper peppers[PEPPERS_MAX];
	enum store_rc rc = STORE_OK;
	size_t index, n;

	if (!pepper_load(store, store->why))
		return STORE_UNAVAILABLE;
	index = find_pepper(store, number);
	if (index == store->n_peppers)
		return STORE_NOT_FOUND;
	if (index == 0)
		return STORE_OUT_OF_RANGE;
	if (!force)
		rc = is_unused(store, index);
	if (rc != STORE_OK)
		return rc;
	n = store->n_peppers - 1;
	memcpy(peppers, store->peppers, sizeof(peppers));
	memmove(peppers + index, peppers + index + 1,
	    (n - index) * sizeof(*peppers));
	rc = replace_file(store, dir, peppers, n);
	secret_wipe(peppers, sizeof(peppers));
	return rc;
}

enum store_rc
pepper_drop(struct store *store, uint32_t number, bool force)
{
	int dir = lock_dir(store);
	enum store_rc rc;

	if (dir < 0)
		return STORE_UNAVAILABLE;
	rc = drop_locked(store, dir, number, force);
	close(dir);
	return rc;
}
