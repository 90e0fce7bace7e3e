/* call_private.h: one call while it runs, as the parts of call.h share it. */
#ifndef UPSTREAM_CALL_PRIVATE_H
#define UPSTREAM_CALL_PRIVATE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "upstream/call.h"

enum { CALL_SOCKETS_MAX = 16 };

struct upstream {
	CURLM *multi; /* keeps the connections */
	CURL *easy;   /* reused, and in multi only during a call */
	/* The system's certificates: one of them is NULL. */
	const char *ca_file, *ca_dir;
	char error[CURL_ERROR_SIZE];
	/* What libcurl waits for; nothing between two calls. */
	struct pollfd sockets[CALL_SOCKETS_MAX + 1];
	nfds_t n_sockets;
};

/* One call while it runs. A time of 0 has not come yet. */
struct call {
	struct upstream *upstream;
	const struct upstream_request *request;
	struct upstream_answer *answer;
	struct curl_slist *headers;
	int64_t started_us;
	int64_t tried_us; /* this transfer began; see begin_again() */
	int64_t connected_us;
	int64_t head_us;  /* the head of the final answer is complete */
	int64_t moved_us; /* something of the body arrived */
	int64_t asked_us; /* stop() was asked */
	int64_t watch_us; /* client_fd is not to be looked at before */
	int64_t beat_us;  /* beat() is to be called */
	bool idle;         /* nothing happened in the last wait ... */
	bool client_stirs; /* ... or something at client_fd did */
	int64_t given_bytes;       /* of the request's body, to libcurl */
	curl_off_t received_bytes; /* of the body, before decoding */
	size_t head_bytes;         /* of all heads, interim ones too */
	size_t body_bytes;         /* after decoding */
	size_t body_size;          /* of the memory of answer->body */
	CURLcode code;             /* how a transfer ended by itself */
	bool ended;                /* a callback has ended the call ... */
	enum upstream_rc ended_as; /* ... in this way */
};

/*
 * call.c: for a callback of libcurl's that is going to say it failed: how the
 * call ends. The first that says so counts.
 */
void call_end(struct call *call, enum upstream_rc rc);

/*
 * setup.c: tells libcurl what this call is. UPSTREAM_OK, or why it cannot be
 * made. call_unset_up() forgets it, whatever the result.
 */
enum upstream_rc call_set_up(struct call *call);
void call_unset_up(struct call *call);

/*
 * heed.c: asks the caller what is due: stop(), which is also asked when the
 * last wait was idle, client_left() and beat(). False when the call is to end.
 */
bool call_heed(struct call *call, int64_t now_us);

/* When something of that is due next, at the latest. */
int64_t call_heed_us(const struct call *call);

/*
 * wait.c: waits until something happens to the transfer or to the client, or
 * the time is over, and lets libcurl act; call_act() lets it act at once. At
 * *running is how many transfers go on, 0 or 1.
 */
CURLMcode call_wait(struct call *call, int wait_ms, int *running);
CURLMcode call_act(struct call *call, int *running);

/* The CURLMOPT_SOCKETFUNCTION; the context is the upstream. */
int call_note_socket(CURL *easy, curl_socket_t fd, int what, void *context,
    void *unused);

/* give.c: how libcurl gets a body that is read; the context is the call. */
size_t call_give_body(char *data, size_t one, size_t size, void *context);
int call_seek_body(void *context, curl_off_t offset, int origin);

/* receive.c: what libcurl calls; the context is the call. */
int call_note_connection(void *context, char *to, char *from, int to_port,
    int from_port);
size_t call_take_header(char *line, size_t one, size_t size, void *context);
size_t call_take_body(char *data, size_t one, size_t len, void *context);

#endif
