/* backup.c: what a backup holds, what is put back, what a check finds. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/digest.h"
#include "db/answer.h"
#include "db/backup.h"
#include "db/gate.h"
#include "tests/store/scratch.h"

enum { PATH_SIZE = 256 };

static char dir[64], top[64];
static struct store *store;
static char complaint[512]; /* the last one */
static int complaints;

static void
note_complaint(const char *sentence, void *context)
{
	(void)context;
	snprintf(complaint, sizeof(complaint), "%s", sentence);
	complaints++;
}

static const struct complaints listener = { note_complaint, NULL };

static const char *
temporary(void)
{
	const char *base = getenv("TMPDIR");

	return base ? base : "/tmp";
}

static int
set_up(void **state)
{
	(void)state;
	complaints = 0;
	complaint[0] = '\0';
	scratch_init(dir);
	snprintf(top, sizeof(top), "%s/farebox-backup-XXXXXX", temporary());
	assert_non_null(mkdtemp(top));
	store = scratch_open(dir);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	store_close(store);
	scratch_remove(dir);
	scratch_remove(top);
	return 0;
}

static char *
path_in(const char *parent, const char *name, char path[PATH_SIZE])
{
	assert_in_range(snprintf(path, PATH_SIZE, "%s/%s", parent, name), 1,
	    PATH_SIZE - 1);
	return path;
}

static bool
is_there(const char *parent, const char *name)
{
	char path[PATH_SIZE];

	return access(path_in(parent, name, path), F_OK) == 0;
}

static void
backup_to(const char *to, bool with_pepper, struct proof *proof)
{
	if (store_backup(store, to, with_pepper, &listener, proof) != STORE_OK)
		fail_msg("%s", store_why(store));
	assert_true(proof_is_good(proof));
	assert_int_equal(complaints, 0);
}

static void
restore_to(const char *backup, const char *to, struct proof *proof)
{
	char why[STORE_WHY_SIZE];

	if (store_restore(backup, to, &listener, proof, why) != STORE_OK)
		fail_msg("%s", why);
	assert_true(proof_is_good(proof));
}

static void
flip_byte(const char *parent, const char *name, off_t at)
{
	char path[PATH_SIZE];
	unsigned char byte;
	int fd = open(path_in(parent, name, path), O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x40;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void
spend(const struct key *key, int times)
{
	for (int i = 0; i < times; i++) {
		struct hold hold = scratch_hold(key, (money){ 10 });
		struct usage usage = scratch_usage(&hold, (money){ 1 });

		assert_int_equal(ledger_hold(store, &hold), STORE_OK);
		assert_int_equal(ledger_settle(store, &hold, LEDGER_CAP,
		    &usage, NULL), STORE_OK);
	}
}

static void
a_restored_store_goes_on(void **state)
{
	struct account account = scratch_account(store, "a", (money){ 1000 });
	struct key key;
	struct key_spec spec = {
		.account = account.number, .brand = "test", .label = "k",
	};
	char secret[KEY_SECRET_SIZE], to[PATH_SIZE], back[PATH_SIZE];
	struct hold hold;
	struct usage usage;
	struct proof proof;

	(void)state;
	assert_int_equal(key_create(store, &spec, secret, &key), STORE_OK);
	spend(&key, 10);
	hold = scratch_hold(&key, (money){ 300 });
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	backup_to(path_in(top, "backup", to), true, &proof);
	assert_true(is_there(to, "pepper"));
	assert_int_equal(proof.totals.holds, 1);
	/* What happens after the backup is not in it. */
	usage = scratch_usage(&hold, (money){ 300 });
	assert_int_equal(ledger_settle(store, &hold, LEDGER_CAP, &usage,
	    NULL), STORE_OK);
	store_close(store);

	restore_to(to, path_in(top, "back", back), &proof);
	assert_int_equal(proof.released, 1);
	store = scratch_open(back);
	assert_int_equal(key_authenticate(store, secret, &key, &account),
	    STORE_OK);
	assert_int_equal(account.balance.nano, 990);
	assert_int_equal(account.held.nano, 0);
	assert_int_equal(usage_get(store, account.number, &hold.id, &usage),
	    STORE_OK);
	assert_int_equal(usage.flags, USAGE_ORPHANED);
	spend(&key, 10);
	assert_int_equal(scratch_check(store, NULL), 0);
}

static void
without_the_pepper_no_key_is_known(void **state)
{
	struct account account = scratch_account(store, "a", (money){ 1000 });
	struct key_spec spec = {
		.account = account.number, .brand = "test", .label = "k",
	};
	struct store_options options = { .flush = true };
	char secret[KEY_SECRET_SIZE], to[PATH_SIZE], back[PATH_SIZE];
	char from[PATH_SIZE], pepper[PATH_SIZE], why[STORE_WHY_SIZE];
	struct proof proof;
	struct key key;

	(void)state;
	assert_int_equal(key_create(store, &spec, secret, &key), STORE_OK);
	backup_to(path_in(top, "backup", to), false, &proof);
	assert_false(is_there(to, "pepper"));
	restore_to(to, path_in(top, "back", back), &proof);
	assert_false(proof.has_pepper);
	store_close(store);

	options.dir = back;
	assert_int_equal(store_open(&store, &options, why),
	    STORE_UNAVAILABLE);
	assert_non_null(strstr(why, "pepper"));
	assert_int_equal(rename(path_in(dir, "pepper", from),
	    path_in(back, "pepper", pepper)), 0);
	store = scratch_open(back);
	assert_int_equal(key_authenticate(store, secret, &key, &account),
	    STORE_OK);
}

static void
nothing_is_written_over(void **state)
{
	char to[PATH_SIZE], back[PATH_SIZE], why[STORE_WHY_SIZE];
	struct proof proof;

	(void)state;
	backup_to(path_in(top, "backup", to), false, &proof);
	assert_int_equal(store_backup(store, to, false, &listener, &proof),
	    STORE_UNAVAILABLE);
	assert_non_null(strstr(store_why(store), "not an empty directory"));
	assert_true(is_there(to, "manifest.json"));
	assert_int_equal(store_restore(to, dir, &listener, &proof, why),
	    STORE_UNAVAILABLE);
	assert_int_equal(store_restore(dir, path_in(top, "back", back),
	    &listener, &proof, why), STORE_UNAVAILABLE);
	assert_non_null(strstr(why, "manifest.json"));
	assert_false(is_there(top, "back"));
}

/* Has the manifest say of a file what the file now is. */
static void
forge_manifest(const char *backup, const char *name)
{
	char path[PATH_SIZE], hex[2 * DIGEST_BYTES + 1];
	unsigned char digest[DIGEST_BYTES];
	static unsigned char file[4 << 20];
	static char manifest[1 << 16];
	FILE *in = fopen(path_in(backup, name, path), "r");
	size_t len = fread(file, 1, sizeof(file), in);
	char *at;

	fclose(in);
	assert_true(digest_sha256(file, len, digest));
	for (int i = 0; i < DIGEST_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	in = fopen(path_in(backup, "manifest.json", path), "r+");
	len = fread(manifest, 1, sizeof(manifest) - 1, in);
	manifest[len] = '\0';
	at = strstr(strstr(manifest, name), "\"sha256\": \"");
	memcpy(at + strlen("\"sha256\": \""), hex, 2 * DIGEST_BYTES);
	rewind(in);
	fwrite(manifest, 1, len, in);
	fclose(in);
}

static void
a_changed_backup_is_noticed(void **state)
{
	struct account account = scratch_account(store, "a", (money){ 1000 });
	struct key key = scratch_key(store, account.number, "k");
	char to[PATH_SIZE], back[PATH_SIZE], why[STORE_WHY_SIZE];
	struct proof proof;

	(void)state;
	spend(&key, 50);
	backup_to(path_in(top, "backup", to), false, &proof);
	flip_byte(to, "usage.db", 700);
	assert_int_equal(store_restore(to, path_in(top, "back", back),
	    &listener, &proof, why), STORE_UNAVAILABLE);
	assert_non_null(strstr(why, "usage.db"));
	assert_non_null(strstr(why, "SHA-256"));

	/* Nor does a matching manifest hide it from the tables' own check. */
	forge_manifest(to, "usage.db");
	assert_int_equal(store_restore(to, back, &listener, &proof, why),
	    STORE_OK);
	assert_int_equal(proof.damaged, 1);
	assert_false(proof_is_good(&proof));
	assert_true(complaints > 0);
	assert_non_null(strstr(complaint, "usage.db"));
}

static void
set_flush_failed(void)
{
	char why[STORE_WHY_SIZE];
	struct gate *gate = gate_open(dir, NULL, NULL, why);

	assert_non_null(gate);
	gate_set_flush_failed(gate, true);
	gate_close(gate);
}

static int
entries_in(const char *path)
{
	char command[PATH_SIZE + 32];
	FILE *out;
	int n = 0;

	snprintf(command, sizeof(command), "ls %s | grep -c copy-", path);
	out = popen(command, "r");
	assert_int_equal(fscanf(out, "%d", &n), 1);
	pclose(out);
	return n;
}

/* An answer that takes many pages, in a chain of their own. */
static void
keep_answer(const struct key *key)
{
	static char body[20000];
	struct answer_claim claim = {
		.name = { .key = key->number, .digest = { 1 } },
		.expires_ms = clock_wall_ms() + 3600000,
	};
	struct answer answer = {
		.http = 200,
		.content_type = "application/json",
		.body = body,
		.body_len = sizeof(body),
	};

	memset(body, 'a', sizeof(body));
	assert_int_equal(answer_keep(store, &claim, &answer), STORE_OK);
}

static void
a_check_ends_the_doubts_after_a_failed_flush(void **state)
{
	struct account account = scratch_account(store, "a", (money){ 1000 });
	struct key key = scratch_key(store, account.number, "k");
	struct hold hold = scratch_hold(&key, (money){ 10 });
	char stale[PATH_SIZE];
	struct proof proof;

	(void)state;
	spend(&key, 20);
	keep_answer(&key);
	set_flush_failed();
	assert_int_equal(ledger_hold(store, &hold), STORE_UNAVAILABLE);
	/* What a check left that was killed is removed. */
	assert_int_equal(mkdir(path_in(dir, "copy-AAAAAA", stale), 0700), 0);
	assert_int_equal(store_check(store, NULL, &listener, &proof),
	    STORE_OK);
	assert_true(proof_is_good(&proof));
	assert_true(proof.flush_cleared);
	assert_int_equal(proof.totals.entries, 21);
	assert_int_equal(entries_in(dir), 0);
	assert_int_equal(ledger_hold(store, &hold), STORE_OK);
	assert_int_equal(store_check(store, top, &listener, &proof),
	    STORE_OK);
	assert_false(proof.flush_cleared);
	assert_int_equal(entries_in(top), 0);
}

static void
a_check_finds_a_flipped_byte(void **state)
{
	struct account account = scratch_account(store, "a", (money){ 1000 });
	struct key key = scratch_key(store, account.number, "k");
	char to[PATH_SIZE];
	struct proof proof;

	(void)state;
	spend(&key, 50);
	assert_int_equal(store_check(store, NULL, &listener, &proof),
	    STORE_OK);
	assert_true(proof_is_good(&proof));
	set_flush_failed();
	flip_byte(dir, "ledger.db", 512 + 300);
	assert_int_equal(store_check(store, NULL, &listener, &proof),
	    STORE_OK);
	assert_false(proof_is_good(&proof));
	assert_false(proof.flush_cleared);
	assert_string_equal(complaint, "ledger.db: page 1 is damaged: its "
	    "checksum does not hold");
	/* It is not backed up either, in place of a better one. */
	assert_int_equal(store_backup(store, path_in(top, "backup", to),
	    false, &listener, &proof), STORE_CORRUPT);
	assert_false(is_there(top, "backup"));
	flip_byte(dir, "ledger.db", 512 + 300);
}

/* After a failed flush a copy begins with a recovery, which lets go of what
 * Berkeley DB had: to free it could wait for ever. The leak checker is told. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:__os_malloc\nleak:__os_realloc\n";
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_restored_store_goes_on),
		TEST(without_the_pepper_no_key_is_known),
		TEST(nothing_is_written_over),
		TEST(a_changed_backup_is_noticed),
		TEST(a_check_ends_the_doubts_after_a_failed_flush),
		TEST(a_check_finds_a_flipped_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
