/* setup.c: tells libcurl how Farebox calls a provider. */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/answer_private.h"
#include "upstream/call_private.h"

#include "config.h"

enum {
	CONNECTIONS_MAX = 8,
	BUFFER_BYTES = 16 * 1024,
	TCP_IDLE_SECONDS = 60,
	TCP_PROBE_SECONDS = 30,
};

/* Whether a name is one that OpenSSL looks for in a directory: 1a2b3c4d.0 */
static bool
is_hashed_name(const char *name)
{
	size_t n = 0;

	while (isxdigit((unsigned char)name[n]))
		n++;
	return n == 8 && strcmp(name + n, ".0") == 0;
}

static bool
holds_hashed_names(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool found = false;

	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		found = is_hashed_name(entry->d_name);
	closedir(dir);
	return found;
}

/*
 * From a directory only the certificate that is asked for is read. The file
 * is read whole, and costs each worker most of a megabyte.
 */
static void
find_authorities(struct upstream *upstream)
{
	const curl_version_info_data *built = curl_version_info(
	    CURLVERSION_NOW);

	if (built->capath && holds_hashed_names(built->capath))
		upstream->ca_dir = built->capath;
	else
		upstream->ca_file = built->cainfo;
}

/* What holds for every call. */
static bool
set_policy(CURL *easy, char *error)
{
	const long verify_name = 2;

#define SET(option, value) \
	(curl_easy_setopt(easy, CURLOPT_##option, value) == CURLE_OK)
	return SET(ERRORBUFFER, error) && SET(NOSIGNAL, 1L) &&
	       /* Do not wait for a resolver that hangs when time is up. */
	       SET(QUICK_EXIT, 1L) && SET(PROTOCOLS_STR, "http,https") &&
	       SET(FOLLOWLOCATION, 0L) && SET(PROXY, "") &&
	       SET(NOPROXY, "*") && SET(SSL_VERIFYPEER, 1L) &&
	       SET(SSL_VERIFYHOST, verify_name) &&
	       SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) &&
	       SET(USERAGENT, "farebox/" PACKAGE_VERSION) &&
	       SET(TCP_NODELAY, 1L) && SET(TCP_KEEPALIVE, 1L) &&
	       SET(TCP_KEEPIDLE, (long)TCP_IDLE_SECONDS) &&
	       SET(TCP_KEEPINTVL, (long)TCP_PROBE_SECONDS) &&
	       SET(BUFFERSIZE, (long)BUFFER_BYTES) &&
	       SET(UPLOAD_BUFFERSIZE, (long)BUFFER_BYTES) &&
	       SET(POST, 1L) && SET(PREREQFUNCTION, call_note_connection) &&
	       SET(HEADERFUNCTION, call_take_header) &&
	       SET(READFUNCTION, call_give_body) &&
	       SET(SEEKFUNCTION, call_seek_body) &&
	       SET(WRITEFUNCTION, call_take_body);
}

/* The body; NULL has libcurl read it. */
static const char *
posted(const struct upstream_request *request)
{
	if (request->read_body)
		return NULL;
	return request->body_len ? request->body : "";
}

/*
 * What holds for this call. Pieces for a sink are not to wait in a
 * compressor, so none is asked for; one that is used anyway is undone.
 * libcurl shares the time to connect out between several addresses; when it
 * is over, our own clock is to say so.
 */
static bool
set_request(struct call *call)
{
	const struct upstream_request *request = call->request;
	const struct upstream *upstream = call->upstream;
	CURL *easy = upstream->easy;
	bool own_authorities = request->ca_file != NULL;

	return SET(URL, request->url) && SET(HTTPHEADER, call->headers) &&
	       SET(FORBID_REUSE, 0L) && SET(FRESH_CONNECT, 0L) &&
	       SET(CAINFO,
		   own_authorities ? request->ca_file : upstream->ca_file) &&
	       SET(CAPATH, own_authorities ? NULL : upstream->ca_dir) &&
	       SET(ACCEPT_ENCODING,
		   request->sink ? "identity" : "gzip, deflate") &&
	       SET(CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms + 1) &&
	       SET(POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len) &&
	       SET(POSTFIELDS, posted(request)) && SET(READDATA, call) &&
	       SET(SEEKDATA, call) && SET(PREREQDATA, call) &&
	       SET(HEADERDATA, call) && SET(WRITEDATA, call);
}

/* Forgets what belongs to the caller of a call that is over. */
static void
unset_request(CURL *easy)
{
	(void)SET(HTTPHEADER, NULL);
	(void)SET(POSTFIELDS, NULL);
	(void)SET(READDATA, NULL);
	(void)SET(SEEKDATA, NULL);
	(void)SET(PREREQDATA, NULL);
	(void)SET(HEADERDATA, NULL);
	(void)SET(WRITEDATA, NULL);
}
#undef SET

bool
upstream_prepare(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static bool
set_multi(struct upstream *upstream)
{
	CURLM *multi = upstream->multi;

	return curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
	    (long)CONNECTIONS_MAX) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION,
	    call_note_socket) == CURLM_OK &&
	       curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, upstream) ==
	    CURLM_OK;
}

struct upstream *
upstream_new(void)
{
	struct upstream *upstream;

	/* libcurl counts how often it was initialised. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return NULL;
	upstream = calloc(1, sizeof(*upstream));
	if (!upstream) {
		curl_global_cleanup();
		return NULL;
	}
	upstream->multi = curl_multi_init();
	upstream->easy = curl_easy_init();
	if (!upstream->multi || !upstream->easy ||
	    !set_multi(upstream) ||
	    !set_policy(upstream->easy, upstream->error)) {
		upstream_free(upstream);
		return NULL;
	}
	find_authorities(upstream);
	return upstream;
}

void
upstream_free(struct upstream *upstream)
{
	if (!upstream)
		return;
	curl_easy_cleanup(upstream->easy);
	curl_multi_cleanup(upstream->multi);
	free(upstream);
	curl_global_cleanup();
}

/* False when memory runs out. A NULL value adds no header. */
static bool
add_header(struct call *call, const char *name, const char *value)
{
	struct curl_slist *longer;
	char *line;

	if (!value)
		return true;
	if (asprintf(&line, "%s%s", name, value) < 0)
		return false;
	longer = curl_slist_append(call->headers, line);
	free(line);
	if (!longer)
		return false;
	call->headers = longer;
	return true;
}

static bool
add_headers(struct call *call)
{
	const struct upstream_request *request = call->request;
	const char *key = request->key;

	return add_header(call, "Content-Type: ", request->content_type) &&
	       add_header(call, "Accept: ", request->accept) &&
	       add_header(call, "Authorization: Bearer ",
		   key && *key ? key : NULL) &&
	       /* No "100-continue" and its pause. */
	       add_header(call, "Expect:", "");
}

/* Whether a text can be a header's value, and does not begin another. */
static bool
is_header_value(const char *text)
{
	for (; text && *text; text++) {
		if (iscntrl((unsigned char)*text))
			return false;
	}
	return true;
}

enum upstream_rc
call_set_up(struct call *call)
{
	const struct upstream_request *request = call->request;
	struct upstream *upstream = call->upstream;

	if (!is_header_value(request->key) ||
	    !is_header_value(request->content_type) ||
	    !is_header_value(request->accept)) {
		answer_set_detail(call->answer, NULL,
		    "a control character in the key or a header");
		return UPSTREAM_UNREACHABLE;
	}
	upstream->error[0] = '\0';
	if (!add_headers(call) || !set_request(call))
		return UPSTREAM_NO_MEMORY;
	return UPSTREAM_OK;
}

void
call_unset_up(struct call *call)
{
	unset_request(call->upstream->easy);
	curl_slist_free_all(call->headers);
	call->headers = NULL;
}
