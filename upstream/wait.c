/* wait.c: waits for a provider and for the client, and has libcurl act. */
#include <poll.h>

#include "base/clock.h"
#include "upstream/call_private.h"

static struct pollfd *
find_socket(struct upstream *upstream, curl_socket_t fd)
{
	nfds_t i = 0;

	while (i < upstream->n_sockets && upstream->sockets[i].fd != fd)
		i++;
	return &upstream->sockets[i];
}

/* libcurl tells which sockets it waits for, and what for, when that changes. */
int
call_note_socket(CURL *easy, curl_socket_t fd, int what, void *context,
    void *unused)
{
	struct upstream *upstream = context;
	struct pollfd *socket = find_socket(upstream, fd);
	bool is_new = socket == upstream->sockets + upstream->n_sockets;

	(void)easy;
	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		if (!is_new)
			*socket = upstream->sockets[--upstream->n_sockets];
		return 0;
	}
	/* It has five at most for one transfer. */
	if (is_new && upstream->n_sockets == CALL_SOCKETS_MAX)
		return -1;
	upstream->n_sockets += is_new;
	*socket = (struct pollfd){
		.fd = fd,
		.events = (short)((what & CURL_POLL_IN ? POLLIN : 0) |
		    (what & CURL_POLL_OUT ? POLLOUT : 0)),
	};
	return 0;
}

/*
 * Adds the client, unless it is not to be looked at for now. POLLRDHUP is why
 * libcurl does not wait for us.
 */
static nfds_t
add_client(const struct call *call, struct pollfd *fds, nfds_t n)
{
	const struct upstream_request *request = call->request;

	if (!request->client_left || request->client_fd < 0 ||
	    clock_mono_us() < call->watch_us)
		return n;
	fds[n] = (struct pollfd){
		.fd = request->client_fd,
		.events = POLLIN | POLLRDHUP,
	};
	return n + 1;
}

/* The wait, cut to when libcurl wants to act on its own. */
static int
shorten(CURLM *multi, int wait_ms)
{
	long own_ms = -1;

	if (curl_multi_timeout(multi, &own_ms) == CURLM_OK && own_ms >= 0 &&
	    own_ms < wait_ms)
		return (int)own_ms;
	return wait_ms;
}

/*
 * What libcurl need not look at itself: that more of a body is there. All else
 * is left to it.
 */
static int
known(const struct call *call, const struct pollfd *socket)
{
	return call->head_us && socket->revents == POLLIN ? CURL_CSELECT_IN :
	    0;
}

CURLMcode
call_wait(struct call *call, int wait_ms, int *running)
{
	struct upstream *upstream = call->upstream;
	struct pollfd fds[CALL_SOCKETS_MAX + 1];
	nfds_t n = upstream->n_sockets, n_all, acted = 0;
	CURLMcode code = CURLM_OK;

	/* A copy, because the sockets change while libcurl acts. */
	for (nfds_t i = 0; i < n; i++)
		fds[i] = upstream->sockets[i];
	n_all = add_client(call, fds, n);
	call->idle = poll(fds, n_all, shorten(upstream->multi, wait_ms)) <= 0;
	call->client_stirs = !call->idle && n_all > n && fds[n].revents;
	for (nfds_t i = 0; i < n && !call->idle && code == CURLM_OK; i++)
		if (fds[i].revents) {
			code = curl_multi_socket_action(upstream->multi,
			    fds[i].fd, known(call, &fds[i]), running);
			acted++;
		}
	return acted ? code : call_act(call, running);
}

CURLMcode
call_act(struct call *call, int *running)
{
	return curl_multi_socket_action(call->upstream->multi,
	    CURL_SOCKET_TIMEOUT, 0, running);
}
