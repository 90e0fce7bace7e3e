/* listen.c: the Unix sockets that web servers connect to. */
#include "fcgi/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BACKLOG = 1024,
	FIRST_FREE_FD = 3, /* above the standard ones */
};

static bool
fail(char why[LISTEN_WHY_SIZE], const char *path, const char *what)
{
	snprintf(why, LISTEN_WHY_SIZE, "%s: %s: %s", path, what,
	    strerror(errno));
	return false;
}

/* True when the file at the address is a socket that nobody listens on. */
static bool
is_stale(const struct sockaddr_un *address)
{
	struct stat found;
	int fd, error;

	if (lstat(address->sun_path, &found) < 0 || !S_ISSOCK(found.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	error = connect(fd, (const struct sockaddr *)address,
	    sizeof(*address)) < 0 ? errno : 0;
	close(fd);
	return error == ECONNREFUSED;
}

static bool
bind_path(int fd, const struct sockaddr_un *address,
    char why[LISTEN_WHY_SIZE])
{
	const struct sockaddr *name = (const struct sockaddr *)address;

	if (bind(fd, name, sizeof(*address)) == 0)
		return true;
	if (errno == EADDRINUSE && is_stale(address) &&
	    unlink(address->sun_path) == 0 &&
	    bind(fd, name, sizeof(*address)) == 0)
		return true;
	if (errno != EADDRINUSE && errno != EAGAIN)
		return fail(why, address->sun_path, "cannot make the socket");
	snprintf(why, LISTEN_WHY_SIZE,
	    "%s: in use; stop whoever listens there, or choose another socket",
	    address->sun_path);
	return false;
}

static bool
set_owner(const char *path, mode_t mode, const char *group,
    char why[LISTEN_WHY_SIZE])
{
	if (group) {
		struct group *entry = getgrnam(group);

		if (!entry) {
			snprintf(why, LISTEN_WHY_SIZE,
			    "--socket-group: there is no group '%s'", group);
			return false;
		}
		if (chown(path, (uid_t)-1, entry->gr_gid) < 0)
			return fail(why, path, "cannot give it that group");
	}
	if (chmod(path, mode) < 0)
		return fail(why, path, "cannot set its mode");
	return true;
}

bool
listener_open(struct listener *listener, const char *path, mode_t mode,
    const char *group, char why[LISTEN_WHY_SIZE])
{
	struct sockaddr_un *address = &listener->address;
	struct stat made;
	mode_t mask;
	bool bound;

	*listener = (struct listener){ .fd = -1 };
	address->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(address->sun_path)) {
		snprintf(why, LISTEN_WHY_SIZE,
		    "%s: a socket's path has at most %zu bytes", path,
		    sizeof(address->sun_path) - 1);
		return false;
	}
	memcpy(address->sun_path, path, strlen(path) + 1);
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener->fd < 0)
		return fail(why, path, "no socket");
	/* Nobody may connect before it has the mode that was asked for. */
	mask = umask(0777);
	bound = bind_path(listener->fd, address, why);
	umask(mask);
	if (!bound) {
		close(listener->fd);
		listener->fd = -1;
		return false;
	}
	if (lstat(path, &made) == 0) {
		listener->device = made.st_dev;
		listener->inode = made.st_ino;
	}
	if (listen(listener->fd, BACKLOG) < 0)
		fail(why, path, "cannot listen");
	else if (set_owner(path, mode, group, why))
		return true;
	listener_close(listener);
	return false;
}

/* It moves away from standard input, which children must not share. */
bool
listener_take(struct listener *listener, int fd)
{
	*listener = (struct listener){ .fd = -1 };
	listener->fd = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
	if (listener->fd < 0)
		return false;
	close(fd);
	return fd != STDIN_FILENO || open("/dev/null", O_RDWR) == fd;
}

void
listener_close(struct listener *listener)
{
	const char *path = listener->address.sun_path;
	struct stat found;

	if (listener->fd < 0)
		return;
	if (path[0] != '\0' && lstat(path, &found) == 0 &&
	    found.st_dev == listener->device &&
	    found.st_ino == listener->inode)
		unlink(path);
	close(listener->fd);
	listener->fd = -1;
}

bool
listener_is(int fd)
{
	int listens = 0;
	socklen_t size = sizeof(listens);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens,
	    &size) == 0 && listens != 0;
}
