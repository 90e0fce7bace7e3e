/* backup.c: a backup of the store is made, and a store made of a backup. */
#include "db/backup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "db/copy_private.h"
#include "db/files.h"
#include "db/manifest_private.h"
#include "db/place.h"
#include "db/space.h"
#include "db/workdir.h"

static enum store_rc
backup_into(struct store *store, const char *dir,
    const struct complaints *complaints, struct proof *proof)
{
	enum store_rc rc;

	if (!copy_has_room(store, dir, store->why))
		return STORE_UNAVAILABLE;
	rc = copy_take(store, dir, COPY_AS_READ, complaints);
	if (rc == STORE_CORRUPT)
		snprintf(store->why, sizeof(store->why), "the store is "
		    "damaged, so it was not backed up; restore an older "
		    "backup");
	if (rc != STORE_OK)
		return rc;
	if (!copy_prove(dir, DB_RECOVER_FATAL, false, complaints, proof,
	    store->why))
		return STORE_UNAVAILABLE;
	if (proof->has_pepper && !file_copy(store->dir, dir, "pepper")) {
		snprintf(store->why, sizeof(store->why), "cannot copy the "
		    "pepper to %s: %s", dir, strerror(errno));
		return STORE_UNAVAILABLE;
	}
	return manifest_write(dir, proof, store->why) ? STORE_OK :
	    STORE_UNAVAILABLE;
}

enum store_rc
store_backup(struct store *store, const char *dir, bool with_pepper,
    const struct complaints *complaints, struct proof *proof)
{
	enum store_rc rc;

	*proof = (struct proof){ .has_pepper = with_pepper };
	if (!workdir_claim(dir, store->why))
		return STORE_UNAVAILABLE;
	rc = backup_into(store, dir, complaints, proof);
	if (rc != STORE_OK) {
		workdir_empty(dir);
		rmdir(dir);
	}
	return rc;
}

struct restore {
	const char *from, *work, *to;
	char *why;
};

static bool
bring_file(const char *name, void *context)
{
	struct restore *restore = context;

	if (file_copy(restore->from, restore->work, name))
		return true;
	snprintf(restore->why, STORE_WHY_SIZE, "cannot copy %s/%s to %s: %s",
	    restore->from, name, restore->work, strerror(errno));
	return false;
}

static bool
put_log(const char *name, void *context)
{
	struct restore *restore = context;

	return file_move(restore->work, restore->to, name);
}

/* From work to where it belongs; the gate last, because without one it is not
 * a store. */
static bool
put_in_place(struct restore *restore, bool has_pepper)
{
	bool put = true;

	for (int i = 0; put && i < TABLE__COUNT; i++)
		put = file_move(restore->work, restore->to,
		    environment_file((enum table)i));
	put = put && logs_each(restore->work, put_log, restore);
	if (put && has_pepper)
		put = file_move(restore->work, restore->to, "pepper");
	if (!put)
		snprintf(restore->why, STORE_WHY_SIZE, "cannot fill %s: %s",
		    restore->to, strerror(errno));
	return put && dir_flush(restore->to) == 0 &&
	       gate_create(restore->to, restore->why) &&
	       dir_flush(restore->to) == 0;
}

enum store_rc
store_restore(const char *backup, const char *dir,
    const struct complaints *complaints, struct proof *proof,
    char why[STORE_WHY_SIZE])
{
	struct restore restore = { .from = backup, .to = dir, .why = why };
	struct workdir work;
	bool restored;

	*proof = (struct proof){ 0 };
	snprintf(why, STORE_WHY_SIZE, "out of memory");
	if (!workdir_claim(dir, why) || !place_is_fit(dir, why) ||
	    !workdir_make(&work, dir, why))
		return STORE_UNAVAILABLE;
	restore.work = work.path;
	restored = manifest_read(backup, bring_file, &restore, proof, why) &&
	    copy_prove(work.path, DB_RECOVER, true, complaints, proof, why) &&
	    put_in_place(&restore, proof->has_pepper);
	workdir_remove(&work);
	/* Which does nothing to one that is not empty. */
	if (!restored)
		rmdir(dir);
	else
		ballast_make(dir, SPACE_FREE_BYTES_MIN);
	return restored ? STORE_OK : STORE_UNAVAILABLE;
}
