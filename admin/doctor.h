/* doctor.h: what `farebox doctor` looks at, and what it says about it. */
#ifndef ADMIN_DOCTOR_H
#define ADMIN_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "admin/admin.h"
#include "admin/print.h"

enum finding { FINDING_GOOD, FINDING_NOTE, FINDING_PROBLEM, FINDING__COUNT };

/* What can be wrong with a web server; advice.c knows what mends it. */
enum trouble {
	TROUBLE_ROUTE,     /* requests do not reach the gateway */
	TROUBLE_KEY,       /* the Authorization header does not */
	TROUBLE_BUFFER,    /* events are held back */
	TROUBLE_BODY,      /* bodies are too large for it */
	TROUBLE_SLASH,     /* %2F is */
	TROUBLE_PREFLIGHT, /* it answers OPTIONS itself */
	TROUBLE_ERRORS,    /* its own errors are not JSON */
	TROUBLE_SILENCE,   /* it may cut silent answers */
	TROUBLE_HTTP2,     /* it does not speak HTTP/2 */
	TROUBLE__COUNT
};

/* The ways in which a web server passes requests on. */
enum host {
	HOST_LIGHTTPD,
	HOST_APACHE_PROXY,
	HOST_APACHE_FCGID,
	HOST_APACHE_CGI,
	HOST_NGINX,
	HOST__COUNT
};

struct doctor {
	struct session *s;
	struct listing findings; /* objects: state, check, detail, mend */
	size_t problems;
	unsigned hosts;          /* 1 << enum host: what the server may be */
	bool no_slashes;         /* no model ID is known to hold a slash */
};

/* Adds a finding; check is a word for what was looked at. */
void doctor_say(struct doctor *d, enum finding finding, const char *check,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same, with what mends the trouble in each server that it may be. */
void doctor_blame(struct doctor *d, enum finding finding, const char *check,
    enum trouble trouble, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The configuration, the store, its disk and the clock. */
void doctor_look_here(struct doctor *d);

/* The gateway behind a URL, asked as a client would. */
void doctor_look_there(struct doctor *d, const char *url);

/* What a Server header (NULL: there was none) says, as struct doctor's hosts
 * has it. */
unsigned advice_hosts(const char *server);

/* "nginx" ... */
const char *advice_host_name(enum host host);

/* What mends a trouble there; NULL where it cannot be. */
const char *advice(enum host host, enum trouble trouble);

#endif
