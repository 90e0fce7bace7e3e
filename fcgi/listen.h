/* listen.h: the Unix sockets that web servers connect to. */
#ifndef FCGI_LISTEN_H
#define FCGI_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

enum { LISTEN_WHY_SIZE = 256 };

/* A listening socket. fd is -1 when there is none. */
struct listener {
	int fd;
	struct sockaddr_un address; /* sun_path is "" when handed to us */
	dev_t device;               /* of the socket's file */
	ino_t inode;
};

/*
 * Makes a socket at path with that mode and, unless NULL, that group. A file
 * that a dead process left there is replaced; one that somebody listens on is
 * not. False with a sentence in why.
 */
bool listener_open(struct listener *listener, const char *path, mode_t mode,
    const char *group, char why[LISTEN_WHY_SIZE]);

/* Takes over a listening socket that this process was started with. */
bool listener_take(struct listener *listener, int fd);

/* Closes the socket and, if it is our own, removes its file. */
void listener_close(struct listener *listener);

/* True when fd is a listening socket. */
bool listener_is(int fd);

#endif
