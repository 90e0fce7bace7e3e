/* manifest.c: what a backup says about itself. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <db.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "db/copy_private.h"
#include "db/files.h"
#include "db/manifest_private.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

#define MANIFEST "manifest.json"

/* Records are in the machine's byte order. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTE_ORDER_NAME "little"
#else
#define BYTE_ORDER_NAME "big"
#endif

enum { FORMAT = 1, HEX_SIZE = DIGEST_BYTES * 2 + 1, MANIFEST_MAX = 4194304 };

static bool
digest_of_file(const char *dir, const char *name, char hex[HEX_SIZE])
{
	unsigned char digest[DIGEST_BYTES];
	int64_t size = file_size(dir, name);
	int fd = file_open(dir, name, O_RDONLY);
	void *map = NULL;
	bool made = fd >= 0 && size >= 0;

	if (made && size > 0) {
		map = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
		made = map != MAP_FAILED;
	}
	made = made && digest_sha256(map ? map : "", (size_t)size, digest);
	if (map && map != MAP_FAILED)
		munmap(map, (size_t)size);
	if (fd >= 0)
		close(fd);
	for (int i = 0; made && i < DIGEST_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return made;
}

struct list {
	const char *dir;
	json_t *files;
};

static bool
add_file(const char *name, void *context)
{
	struct list *list = context;
	char hex[HEX_SIZE];

	return digest_of_file(list->dir, name, hex) &&
	       json_array_append_new(list->files, json_pack("{s:s, s:I, s:s}",
	           "name", name, "bytes",
	           (json_int_t)file_size(list->dir, name),
	           "sha256", hex)) == 0;
}

/* A new array, or NULL. */
static json_t *
list_files(const char *dir, bool has_pepper)
{
	struct list list = { dir, json_array() };
	bool listed = list.files != NULL;

	for (int i = 0; listed && i < TABLE__COUNT; i++)
		listed = add_file(environment_file((enum table)i), &list);
	listed = listed && logs_each(dir, add_file, &list);
	if (listed && has_pepper)
		listed = add_file("pepper", &list);
	if (listed)
		return list.files;
	json_decref(list.files);
	return NULL;
}

/* A new object, or NULL; takes over files. */
static json_t *
make_object(const struct proof *proof, json_t *files)
{
	const struct ledger_totals *totals = &proof->totals;
	char sums[4][MONEY_TEXT_SIZE], now[CLOCK_TEXT_SIZE];

	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, "
	    "s:s, s:s, s:s, s:s, s:I, s:i, s:o}",
	    "farebox_backup", (int)FORMAT,
	    "time", clock_format(clock_wall_ms(), now),
	    "farebox", PACKAGE_VERSION,
	    "berkeley_db", db_version(NULL, NULL, NULL),
	    "byte_order", BYTE_ORDER_NAME,
	    "pepper", proof->has_pepper,
	    "accounts", (json_int_t)totals->accounts,
	    "keys", (json_int_t)totals->keys,
	    "entries", (json_int_t)totals->entries,
	    "holds", (json_int_t)totals->holds,
	    "deposited", money_format(totals->deposited, sums[0]),
	    "balance", money_format(totals->balance, sums[1]),
	    "spent", money_format(totals->spent, sums[2]),
	    "held", money_format(totals->held, sums[3]),
	    "wrong", (json_int_t)totals->wrong,
	    "damaged", (int)proof->damaged,
	    "files", files);
}

static bool
write_file(const char *dir, const json_t *object)
{
	int fd = file_open(dir, MANIFEST, O_WRONLY | O_CREAT | O_EXCL);
	bool written = fd >= 0 &&
	    json_dumpfd(object, fd, JSON_INDENT(1)) == 0 &&
	    write(fd, "\n", 1) == 1 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return written;
}

bool
manifest_write(const char *dir, const struct proof *proof,
    char why[STORE_WHY_SIZE])
{
	json_t *files = list_files(dir, proof->has_pepper);
	json_t *object = files ? make_object(proof, files) : NULL;
	bool written = object && write_file(dir, object) &&
	               dir_flush(dir) == 0;

	json_decref(object);
	if (!written)
		snprintf(why, STORE_WHY_SIZE, "cannot write %s/" MANIFEST
		    ": %s", dir, strerror(errno));
	return written;
}

/* A name that leads nowhere else. */
static bool
is_plain(const char *name)
{
	return name && *name && *name != '.' && !strchr(name, '/');
}

static bool
compare_file(const char *dir, const json_t *row, char why[STORE_WHY_SIZE])
{
	const char *name = json_string_value(json_object_get(row, "name"));
	const char *wanted = json_string_value(json_object_get(row, "sha256"));
	char hex[HEX_SIZE];

	if (!is_plain(name) || !wanted)
		snprintf(why, STORE_WHY_SIZE, "%s/" MANIFEST " is damaged",
		    dir);
	else if (!digest_of_file(dir, name, hex))
		snprintf(why, STORE_WHY_SIZE, "%s/%s cannot be read: %s", dir,
		    name, strerror(errno));
	else if (strcmp(hex, wanted) != 0)
		snprintf(why, STORE_WHY_SIZE, "%s/%s is not what was backed "
		    "up: its SHA-256 differs; use another backup", dir, name);
	else
		return true;
	return false;
}

static bool
head_is_known(const char *dir, const json_t *object, char why[STORE_WHY_SIZE])
{
	const char *order = json_string_value(
	    json_object_get(object, "byte_order"));

	if (json_integer_value(json_object_get(object, "farebox_backup")) !=
	    FORMAT || !json_is_array(json_object_get(object, "files")))
		snprintf(why, STORE_WHY_SIZE, "%s/" MANIFEST " is not one of "
		    "this version of Farebox", dir);
	else if (!order || strcmp(order, BYTE_ORDER_NAME) != 0)
		snprintf(why, STORE_WHY_SIZE, "the backup in %s is of a "
		    "machine with another byte order; move by farebox store "
		    "export and import", dir);
	else
		return true;
	return false;
}

/* A new object, or NULL. */
static json_t *
load(const char *dir, char why[STORE_WHY_SIZE])
{
	int fd = file_open(dir, MANIFEST, O_RDONLY);
	json_error_t error;
	json_t *object = fd >= 0 && file_size(dir, MANIFEST) < MANIFEST_MAX ?
	    json_loadfd(fd, 0, &error) : NULL;

	if (fd >= 0)
		close(fd);
	else
		snprintf(why, STORE_WHY_SIZE, "%s is no backup, or was not "
		    "finished: it has no " MANIFEST, dir);
	if (fd >= 0 && !object)
		snprintf(why, STORE_WHY_SIZE, "%s/" MANIFEST " is damaged",
		    dir);
	return object;
}

bool
manifest_read(const char *dir,
    bool (*visit)(const char *name, void *context), void *context,
    struct proof *proof, char why[STORE_WHY_SIZE])
{
	json_t *object = load(dir, why);
	const json_t *row;
	size_t i;
	bool good = object && head_is_known(dir, object, why);

	if (good)
		proof->has_pepper = json_is_true(json_object_get(object,
		    "pepper"));
	json_array_foreach(json_object_get(object, "files"), i, row) {
		good = good && compare_file(dir, row, why);
		good = good && visit(json_string_value(json_object_get(row,
		    "name")), context);
	}
	json_decref(object);
	return good;
}
