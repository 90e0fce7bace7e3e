/* prove.c: whether a copy of the store is sound, and so the store itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/backup.h"
#include "db/copy_private.h"
#include "db/workdir.h"

enum { VERIFY_CACHE_BYTES = 32 * 1024 * 1024 };

bool
proof_is_good(const struct proof *proof)
{
	return proof->damaged == 0 && proof->totals.wrong == 0;
}

static void
complain(const struct complaints *complaints, const char *sentence)
{
	complaints->complain(sentence, complaints->context);
}

/* One table that is being verified. */
struct verify {
	const char *file;
	const struct complaints *complaints;
	bool complained;
};

static void
pass_on(const DB_ENV *env, const char *prefix, const char *message)
{
	struct verify *verify = env->app_private;
	char sentence[256];

	(void)prefix;
	snprintf(sentence, sizeof(sentence), "%s: %s", verify->file, message);
	verify->complained = true;
	complain(verify->complaints, sentence);
}

/* True when the table has no fault. */
static bool
verify_table(const char *dir, struct verify *verify)
{
	char sentence[256], *path;
	DB *table;
	int rc;

	if (asprintf(&path, "%s/%s", dir, verify->file) < 0)
		return false;
	rc = db_create(&table, NULL, 0);
	if (rc == 0) {
		table->get_env(table)->app_private = verify;
		table->set_errcall(table, pass_on);
		table->set_cachesize(table, 0, VERIFY_CACHE_BYTES, 1);
		/* Whatever it finds, it also closes the handle. */
		rc = table->verify(table, path, NULL, NULL, 0);
	}
	free(path);
	if (rc != 0 && !verify->complained) {
		snprintf(sentence, sizeof(sentence), "%s: %s", verify->file,
		    db_strerror(rc));
		complain(verify->complaints, sentence);
	}
	return rc == 0;
}

static unsigned
verify_tables(const char *dir, const struct complaints *complaints)
{
	unsigned damaged = 0;

	for (int i = 0; i < TABLE__COUNT; i++) {
		struct verify verify = {
			.file = environment_file((enum table)i),
			.complaints = complaints,
		};

		if (!verify_table(dir, &verify))
			damaged++;
	}
	return damaged;
}

/* Those who held at that time are not here. */
static uint64_t
release_all(struct store *copy)
{
	for (uint32_t slot = 0; slot < GATE_SLOTS; slot++)
		hold_release_orphan(slot, copy);
	return copy->orphans_released;
}

bool
copy_prove(const char *dir, uint32_t flags, bool release,
    const struct complaints *complaints, struct proof *proof,
    char why[STORE_WHY_SIZE])
{
	struct store *copy = copy_open(dir, flags, why);
	enum store_rc rc;

	if (!copy)
		return false;
	if (release)
		proof->released = release_all(copy);
	rc = ledger_check(copy, complaints->complain, complaints->context,
	    &proof->totals);
	if (rc != STORE_OK)
		snprintf(why, STORE_WHY_SIZE, "the ledger cannot be checked: "
		    "%s", store_why(copy));
	if (!copy_close(copy) && rc == STORE_OK) {
		snprintf(why, STORE_WHY_SIZE, "cannot write %s: %s", dir,
		    strerror(errno));
		rc = STORE_UNAVAILABLE;
	}
	if (rc != STORE_OK)
		return false;
	proof->bytes = copy_size(dir);
	proof->damaged = verify_tables(dir, complaints);
	return true;
}

/* Looks at a copy in work. */
static enum store_rc
check_in(struct store *store, const char *work,
    const struct complaints *complaints, struct proof *proof)
{
	enum store_rc rc;

	if (!copy_has_room(store, work, store->why))
		return STORE_UNAVAILABLE;
	rc = copy_take(store, work, COPY_FROM_DISK, complaints);
	/* Pages are bad: no recovery of the copy would come to an end. */
	if (rc == STORE_CORRUPT) {
		proof->damaged++;
		return STORE_OK;
	}
	if (rc == STORE_OK && !copy_prove(work, DB_RECOVER_FATAL, false,
	    complaints, proof, store->why)) {
		complain(complaints, store->why);
		proof->damaged++;
	}
	return rc;
}

enum store_rc
store_check(struct store *store, const char *work,
    const struct complaints *complaints, struct proof *proof)
{
	bool flush_failed = gate_flush_failed(store->gate);
	struct workdir dir;
	enum store_rc rc;

	*proof = (struct proof){ 0 };
	if (!workdir_make(&dir, work ? work : store->dir, store->why))
		return STORE_UNAVAILABLE;
	rc = check_in(store, dir.path, complaints, proof);
	workdir_remove(&dir);
	if (rc == STORE_OK && proof_is_good(proof) && flush_failed) {
		gate_set_flush_failed(store->gate, false);
		proof->flush_cleared = true;
	}
	return rc;
}
