/* fake_upstream.c: a provider at link time: it says what it is told to. */
#include "tests/handlers/fake_upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/handlers/fake_client.h"

struct fake_upstream fake_upstream;

void
fake_upstream_reset(const char *body)
{
	free(fake_upstream.url);
	free(fake_upstream.key);
	free(fake_upstream.asked);
	free(fake_upstream.asked_type);
	fake_upstream = (struct fake_upstream){
		.rc = UPSTREAM_OK,
		.http = 200,
		.body = body,
		.retry_after_ms = -1,
		.length = -1,
	};
}

static void
keep(char **slot, const char *text)
{
	free(*slot);
	*slot = text ? strdup(text) : NULL;
}

/* A body that is given is asked for in odd pieces, and twice. */
static void
keep_body(const struct upstream_request *request)
{
	size_t len = request->body_len, at = 0, odd = 1;
	char *copy = malloc(len + 1);

	if (!copy)
		abort();
	for (int time = 0; time < 2; time++)
		for (at = 0; request->read_body && at < len;) {
			size_t size = len - at < odd ? len - at : odd;
			ssize_t got = request->read_body((int64_t)at,
			    copy + at, size, request->body_context);

			if (got <= 0)
				abort();
			at += (size_t)got;
			odd = odd * 3 + 1;
		}
	if (!request->read_body)
		memcpy(copy, request->body, len);
	copy[len] = '\0';
	free(fake_upstream.asked);
	fake_upstream.asked = copy;
	fake_upstream.asked_len = len;
}

/* Asks the caller what the real call asks while nothing arrives. Its timer is
 * asked only in a silence that the test wants: others are the machine's. */
static bool
heed(const struct upstream_request *request, bool is_silent, int64_t *beat_us)
{
	int64_t wait_ms;

	if (request->stop && request->stop(request->context))
		return false;
	if (request->client_left && request->client_fd == FAKE_CLIENT_FD &&
	    request->client_left(request->context))
		return false;
	if (!is_silent || !request->beat || clock_mono_us() < *beat_us)
		return true;
	wait_ms = request->beat(request->context);
	*beat_us = clock_mono_us() + wait_ms * 1000;
	return wait_ms > 0;
}

static bool
must_wait(const struct fake_step *step, int64_t waited_us)
{
	return waited_us < step->silent_ms * 1000 ||
	       (waited_us < FAKE_SILENCE_MS_MAX * 1000 &&
	       fake_upstream.client &&
	       fake_upstream.client->flushes < step->flushes);
}

static bool
take_step(const struct upstream_request *request,
    const struct fake_step *step, int64_t *beat_us)
{
	bool is_silent = step->silent_ms > 0 || step->flushes > 0;
	int64_t begin_us = clock_mono_us();

	if (step->act)
		step->act(fake_upstream.context);
	if (step->piece && !request->sink(step->piece, strlen(step->piece),
	    request->context))
		return false;
	do {
		if (!heed(request, is_silent, beat_us))
			return false;
		if (is_silent)
			clock_sleep_us(1000);
	} while (must_wait(step, clock_mono_us() - begin_us));
	return true;
}

static enum upstream_rc
play(const struct upstream_request *request)
{
	int64_t beat_us = clock_mono_us() + request->heartbeat_ms * 1000;

	fake_upstream.steps_taken = 0;
	for (size_t i = 0; i < fake_upstream.n_steps; i++) {
		fake_upstream.steps_taken++;
		if (!take_step(request, &fake_upstream.steps[i], &beat_us))
			return UPSTREAM_STOPPED;
	}
	return fake_upstream.rc;
}

/* Becomes the provider of that URL, where there are several. */
static void
choose(const struct upstream_request *request)
{
	size_t len = strlen(fake_upstream.order);

	for (size_t i = 0; i < fake_upstream.n_providers; i++) {
		struct fake_provider *provider = &fake_upstream.providers[i];

		if (!strstr(request->url, provider->host))
			continue;
		provider->calls++;
		fake_upstream.rc = provider->rc;
		fake_upstream.http = provider->http ? provider->http : 200;
		fake_upstream.body = provider->body;
		fake_upstream.retry_after_ms = provider->retry_after_ms ?
		    provider->retry_after_ms : -1;
		fake_upstream.steps = provider->steps;
		fake_upstream.n_steps = provider->n_steps;
		if (provider->key_refused && request->key &&
		    strcmp(request->key, provider->key_refused) == 0)
			fake_upstream.http = 401;
		snprintf(fake_upstream.order + len, FAKE_ORDER_SIZE - len,
		    "%s%s", len ? " " : "", provider->host);
	}
}

enum upstream_rc
upstream_call(struct upstream *upstream,
    const struct upstream_request *request, struct upstream_answer *answer)
{
	(void)upstream;
	fake_upstream.calls++;
	keep(&fake_upstream.url, request->url);
	keep(&fake_upstream.key, request->key);
	keep(&fake_upstream.asked_type, request->content_type);
	keep_body(request);
	fake_upstream.total_timeout_ms = request->total_timeout_ms;
	choose(request);
	if (fake_upstream.during)
		fake_upstream.during(fake_upstream.context);
	memset(answer, 0, sizeof(*answer));
	answer->http = fake_upstream.http;
	answer->retry_after_ms = fake_upstream.retry_after_ms;
	answer->total_us = 1000;
	answer->length = fake_upstream.length;
	snprintf(answer->content_type, sizeof(answer->content_type), "%s",
	    fake_upstream.type ? fake_upstream.type : "");
	snprintf(answer->detail, sizeof(answer->detail), "as told");
	if (request->on_head && fake_upstream.http &&
	    !request->on_head(answer, request->context))
		return UPSTREAM_STOPPED;
	if (request->sink && fake_upstream.steps)
		return play(request);
	if (request->sink && fake_upstream.http == 200 && fake_upstream.body &&
	    !request->sink(fake_upstream.body, strlen(fake_upstream.body),
	    request->context))
		return UPSTREAM_STOPPED;
	if (fake_upstream.body) {
		answer->body = strdup(fake_upstream.body);
		answer->body_len = strlen(fake_upstream.body);
	}
	return fake_upstream.rc;
}

void
upstream_answer_clear(struct upstream_answer *answer)
{
	free(answer->body);
	answer->body = NULL;
}

const char *
upstream_rc_name(enum upstream_rc rc)
{
	static char name[16];

	snprintf(name, sizeof(name), "rc %d", (int)rc);
	return name;
}
