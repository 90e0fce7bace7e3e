/* probe.h: one request to a gateway, made by curl. */
#ifndef ADMIN_PROBE_H
#define ADMIN_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROBE_HEADERS_MAX = 4, PROBE_VERSION_SIZE = 8 };

struct probe {
	const char *method;  /* NULL: GET, or POST where there is a body */
	const char *url;     /* has passed probe_url_is_fit() */
	const char *key;     /* NULL: no Authorization header */
	const char *headers[PROBE_HEADERS_MAX]; /* "name: value" */
	const char *body;    /* JSON; NULL: none */
	size_t body_len;
	bool http1;          /* HTTP/1.1 only */
};

struct reply {
	int exit_status;     /* of curl; -1 when it could not be run */
	int http;            /* 0 when no answer came */
	char version[PROBE_VERSION_SIZE]; /* "1.1", "2" */
	char *head;          /* terminated, as is body; into text */
	char *body;
	int events;          /* lines of the body that begin with "data: {" */
	int64_t first_event_us, last_event_us; /* on the monotonic clock */
	int64_t started_us, ended_us;
	char *text;          /* owned */
};

/* True for an http or https URL that can stand between quotes. */
bool probe_url_is_fit(const char *url);

/*
 * Makes the request. False when memory ran out. The caller gives *reply to
 * probe_clear() whatever the result. The key is not on curl's command line,
 * where others could read it.
 */
bool probe_run(const struct probe *probe, struct reply *reply);
void probe_clear(struct reply *reply);

/*
 * A header of the answer, by a name in lower case that may begin and end with
 * what stands around a '*'. Copied to value; false when there is none.
 */
bool probe_header(const struct reply *reply, const char *name, char *value,
    size_t size);

/* Why curl got no answer, in words. */
const char *probe_failure(const struct reply *reply);

#endif
