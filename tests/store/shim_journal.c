/* shim_journal.c: writes down what happens to the store's files, in order. */
#include "tests/store/shim_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 1024 };

static int journal = -1;
static char gate_path[512];
static bool watched[DESCRIPTORS_MAX];

bool
journal_is_open(void)
{
	return journal >= 0;
}

void
journal_open(const char *path, const char *dir)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT |
	    O_APPEND | O_CLOEXEC, 0600);

	/* Above what the program expects its own descriptors to be. */
	journal = fcntl(fd, F_DUPFD_CLOEXEC, DESCRIPTORS_MAX / 2);
	syscall(SYS_close, fd);
	snprintf(gate_path, sizeof(gate_path), "%s/gate", dir);
}

static void
set_lock(short type)
{
	struct flock all = { .l_type = type, .l_whence = SEEK_SET };
	int saved = errno;

	while (journal >= 0 && fcntl(journal, F_SETLKW, &all) != 0 &&
	       errno == EINTR)
		continue;
	errno = saved;
}

void
journal_lock(void)
{
	set_lock(F_WRLCK);
}

void
journal_unlock(void)
{
	set_lock(F_UNLCK);
}

uint64_t
journal_note(enum shim_event event, int fd, uint64_t offset,
    const void *bytes, size_t len)
{
	struct stat status = { .st_ino = 0 };
	struct shim_record record = { event, 0, offset, len };
	struct iovec parts[] = {
		{ &record, sizeof(record) },
		{ (void *)(uintptr_t)bytes, len },
	};
	int saved = errno;
	uint64_t position;

	if (journal < 0)
		return 0;
	if (fd >= 0 && fstat(fd, &status) == 0)
		record.inode = status.st_ino;
	position = (uint64_t)lseek(journal, 0, SEEK_END);
	if (syscall(SYS_writev, journal, parts, 2) !=
	    (ssize_t)(sizeof(record) + len))
		syscall(SYS_exit_group, 99);
	errno = saved;
	return position;
}

/*
 * The gate is mapped memory: what is in it reaches the disk at any time. Its
 * file is never closed here, because that would drop the process's locks on it.
 */
void
journal_gate(void)
{
	static int gate = -1;
	unsigned char head[SHIM_GATE_BYTES];
	int saved = errno;

	if (journal < 0)
		return;
	if (gate < 0)
		gate = (int)syscall(SYS_openat, AT_FDCWD, gate_path,
		    O_RDONLY | O_CLOEXEC);
	if (gate >= 0 && syscall(SYS_pread64, gate, head, sizeof(head), 0) ==
	    (ssize_t)sizeof(head))
		journal_note(SHIM_GATE, -1, 0, head, sizeof(head));
	errno = saved;
}

/* Region files are shared memory only: nothing in them has to last. */
void
journal_watch(int fd, const char *name)
{
	if (fd >= 0 && fd < DESCRIPTORS_MAX)
		watched[fd] = journal >= 0 && name &&
		    strncmp(name, "__db.0", 6) != 0 &&
		    strncmp(name, "__db.rep", 8) != 0;
}

void
journal_forget(int fd)
{
	if (fd >= 0 && fd < DESCRIPTORS_MAX)
		watched[fd] = false;
}

bool
journal_watches(int fd)
{
	return fd >= 0 && fd < DESCRIPTORS_MAX && watched[fd];
}
