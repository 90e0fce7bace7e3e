/* place.c: whether a directory is one that money may be kept in. */
#include "db/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#else
#include <sys/param.h>
#include <sys/mount.h>
#endif

/*
 * Where another machine's kernel answers, shared memory is not shared, locks
 * may not lock, and a flush may not have reached a disk. FUSE is among them
 * because nothing tells sshfs from a local one.
 */
#ifdef __linux__
static const struct {
	uint32_t type;
	const char *name;
} networks[] = {
	{ 0x00006969, "NFS" },
	{ 0x0000517b, "SMB" },
	{ 0xff534d42, "CIFS" },
	{ 0xfe534d42, "SMB" },
	{ 0x01021997, "9p" },
	{ 0x65735546, "FUSE" },
	{ 0x00c36400, "Ceph" },
	{ 0x5346414f, "AFS" },
	{ 0x6b414653, "AFS" },
	{ 0x73757245, "Coda" },
	{ 0x0000564c, "NCP" },
	{ 0x01161970, "GFS2" },
	{ 0x7461636f, "OCFS2" },
	{ 0x0bd00bd0, "Lustre" },
	{ 0x47504653, "GPFS" },
	{ 0x19830326, "BeeGFS" },
	{ 0x786f4256, "a folder shared by VirtualBox" },
	{ 0xbacbacbc, "a folder shared by VMware" },
};

const char *
place_network(const char *dir)
{
	struct statfs status;

	if (statfs(dir, &status) != 0)
		return NULL;
	for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++)
		if ((uint32_t)status.f_type == networks[i].type)
			return networks[i].name;
	return NULL;
}
#else
const char *
place_network(const char *dir)
{
#ifdef MNT_LOCAL
	struct statfs status;

	if (statfs(dir, &status) == 0 && !(status.f_flags & MNT_LOCAL))
		return "a network file system";
#endif
	(void)dir;
	return NULL;
}
#endif

bool
place_has(const char *dir, const char *name)
{
	char *path;
	bool has;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return false;
	has = access(path, F_OK) == 0;
	free(path);
	return has;
}

/* What the store makes. Anything else may lie there as its owner likes. */
static bool
is_of_the_store(const char *name)
{
	static const char *const names[] = {
		"*.db", "log.*", "__db.*", "gate", "pepper", "pepper.new",
		"ballast", "*.shared",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (fnmatch(names[i], name, 0) == 0)
			return true;
	return false;
}

/* path is dir, or a file in it. */
static bool
is_ours(const char *path, const struct stat *status, char why[STORE_WHY_SIZE])
{
	bool is_dir = S_ISDIR(status->st_mode);

	if (status->st_uid != geteuid() && is_dir)
		snprintf(why, STORE_WHY_SIZE, "%s belongs to user %ld, and "
		    "this is user %ld; run it as the owner", path,
		    (long)status->st_uid, (long)geteuid());
	else if (status->st_uid != geteuid())
		snprintf(why, STORE_WHY_SIZE, "%s belongs to user %ld, and "
		    "its directory to user %ld; run as root: chown %ld %s",
		    path, (long)status->st_uid, (long)geteuid(),
		    (long)geteuid(), path);
	else if (status->st_mode & 077)
		snprintf(why, STORE_WHY_SIZE, "others can use %s; run: "
		    "chmod %o %s", path, is_dir ? 0700U : 0600U, path);
	else
		return true;
	return false;
}

static bool
file_is_fit(DIR *listing, const char *dir, const char *name,
    char why[STORE_WHY_SIZE])
{
	struct stat status;
	char *path;
	bool fit = false;

	/* A log file may be removed at any time. */
	if (fstatat(dirfd(listing), name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT;
	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		snprintf(why, STORE_WHY_SIZE, "out of memory");
		return false;
	}
	if (S_ISREG(status.st_mode))
		fit = is_ours(path, &status, why);
	else
		snprintf(why, STORE_WHY_SIZE, "%s is not a plain file; put "
		    "the file itself there", path);
	free(path);
	return fit;
}

static bool
files_are_fit(const char *dir, char why[STORE_WHY_SIZE])
{
	DIR *listing = opendir(dir);
	const struct dirent *entry;
	bool fit = true;

	if (!listing) {
		snprintf(why, STORE_WHY_SIZE, "cannot list %s: %s", dir,
		    strerror(errno));
		return false;
	}
	while (fit && (entry = readdir(listing)) != NULL)
		if (is_of_the_store(entry->d_name))
			fit = file_is_fit(listing, dir, entry->d_name, why);
	closedir(listing);
	return fit;
}

/*
 * Whoever can write a store's files can mint money. A DB_CONFIG would change
 * the settings that the store's promises rest on.
 */
bool
place_is_fit(const char *dir, char why[STORE_WHY_SIZE])
{
	const char *network;
	struct stat status;

	if (stat(dir, &status) != 0)
		snprintf(why, STORE_WHY_SIZE, "cannot look at %s: %s%s", dir,
		    strerror(errno), errno == ENOENT ?
		    "; make a store with: farebox store init" : "");
	else if (!S_ISDIR(status.st_mode))
		snprintf(why, STORE_WHY_SIZE, "%s is not a directory", dir);
	else if (!is_ours(dir, &status, why))
		return false;
	else if ((network = place_network(dir)) != NULL)
		snprintf(why, STORE_WHY_SIZE, "%s lies on %s, where a store "
		    "cannot be kept safe; keep it on a disk of this machine, "
		    "and only backups there", dir, network);
	else if (place_has(dir, "DB_CONFIG"))
		snprintf(why, STORE_WHY_SIZE, "%s/DB_CONFIG would change how "
		    "the store works; remove it", dir);
	else
		return files_are_fit(dir, why);
	return false;
}
