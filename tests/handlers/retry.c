/* retry.c: a request that comes again is answered again and charged once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/handlers/fake_upstream.h"
#include "tests/handlers/gateway.h"

static const char other_request[] = "{\"model\":\"demo\",\"messages\":"
    "[{\"role\":\"user\",\"content\":\"Ho\"}],\"max_tokens\":20}";

static const struct reply *
ask_named(struct gateway *g, const char *name, const char *body)
{
	return gateway_ask(g, (struct ask){
	    .body = body,
	    .variables = { "HTTP_IDEMPOTENCY_KEY", name },
	});
}

static const struct reply *
ask_retry(struct gateway *g, const char *count, const char *body, bool gone)
{
	return gateway_ask(g, (struct ask){
	    .body = body,
	    .gone = gone,
	    .variables = { "HTTP_X_STAINLESS_RETRY_COUNT", count },
	});
}

/* 9 tokens in and 12 out, at 1 and 2 USD per million. */
enum { GOOD_NANO = 33000 };

static void
a_named_request_is_run_once(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;
	char *first, *id;

	fake_upstream_reset(good_answer);
	reply = ask_named(g, "n1", good_request);
	assert_int_equal(reply->http, 200);
	assert_null(reply_header(reply, "idempotent-replayed"));
	first = strdup(reply->body);
	id = strdup(reply_header(reply, "x-request-id"));

	reply = ask_named(g, "n1", good_request);
	assert_int_equal(reply->http, 200);
	assert_string_equal(reply->body, first);
	assert_string_equal(reply_header(reply, "idempotent-replayed"),
	    "true");
	assert_string_equal(reply_header(reply, "x-original-request-id"), id);
	assert_string_not_equal(reply_header(reply, "x-request-id"), id);
	assert_string_equal(reply_header(reply, "x-farebox-request-cost"),
	    "0");
	assert_int_equal(fake_upstream.calls, 1);
	assert_int_equal(gateway_account(g).spent.nano, GOOD_NANO);
	assert_int_equal(gateway_last_usage(g).flags, USAGE_REPLAYED);
	assert_int_equal(gateway_last_usage(g).cost.nano, 0);

	assert_int_equal(ask_named(g, "n2", good_request)->http, 200);
	assert_int_equal(fake_upstream.calls, 2);
	gateway_check_ledger(g);
	free(first);
	free(id);
}

static void
a_name_belongs_to_one_body(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	fake_upstream_reset(good_answer);
	assert_int_equal(ask_named(g, "n1", good_request)->http, 200);
	reply = ask_named(g, "n1", other_request);
	assert_error(reply, 409, "idempotency_conflict", NULL);
	assert_string_equal(reply_header(reply, "x-should-retry"), "false");
	assert_int_equal(fake_upstream.calls, 1);
	gateway_check_ledger(g);
}

static void
a_failure_does_not_use_a_name_up(void **state)
{
	struct gateway *g = *state;

	fake_upstream_reset(good_answer);
	fake_upstream.http = 500;
	assert_error(ask_named(g, "n1", good_request), 502, "upstream_error",
	    NULL);
	assert_int_equal(gateway_account(g).spent.nano, 0);
	fake_upstream.http = 200;
	assert_int_equal(ask_named(g, "n1", good_request)->http, 200);
	assert_int_equal(gateway_account(g).spent.nano, GOOD_NANO);
	gateway_check_ledger(g);
}

static void
a_name_is_checked_and_may_be_ignored(void **state)
{
	struct gateway *g = *state;
	char name[300];

	fake_upstream_reset(good_answer);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_error(ask_named(g, name, good_request), 400,
	    "invalid_request", NULL);
	gateway_configure(g, "idempotency_ms = 0\n");
	assert_int_equal(ask_named(g, "n1", good_request)->http, 200);
	assert_int_equal(ask_named(g, "n1", good_request)->http, 200);
	assert_int_equal(fake_upstream.calls, 2);
}

static void
an_answer_too_large_to_keep_is_charged_once(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	gateway_configure(g, "kept_answer_bytes_max = 10\n");
	fake_upstream_reset(good_answer);
	assert_int_equal(ask_named(g, "n1", good_request)->http, 200);
	reply = ask_named(g, "n1", good_request);
	assert_error(reply, 409, "idempotency_conflict", NULL);
	assert_int_equal(fake_upstream.calls, 1);
	assert_int_equal(gateway_account(g).spent.nano, GOOD_NANO);
}

/* While one is asked, the same is asked by another process. */
static void
ask_meanwhile(void *context)
{
	struct gateway *g = context;
	pid_t child;
	int status;

	/* Not again by the child's own call. */
	fake_upstream.during = NULL;
	child = fork();
	if (child == 0) {
		struct gateway twin = *g;
		struct store_options options = { .dir = g->conf->store };
		char why[STORE_WHY_SIZE];
		const struct reply *reply;

		if (store_open(&twin.store, &options, why) != STORE_OK) {
			printf("# %s\n", why);
			fflush(stdout);
			_exit(2);
		}
		reply = ask_named(&twin, "n1", good_request);
		_exit(reply->http == 409 &&
		    reply_header(reply, "retry-after") ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
a_twin_waits_and_is_told_to_come_back(void **state)
{
	struct gateway *g = *state;

	gateway_configure(g, "twin_wait_ms = 50\n");
	fake_upstream_reset(good_answer);
	fake_upstream.during = ask_meanwhile;
	fake_upstream.context = g;
	assert_int_equal(ask_named(g, "n1", good_request)->http, 200);
	assert_int_equal(fake_upstream.calls, 1);
	assert_int_equal(gateway_account(g).spent.nano, GOOD_NANO);
	gateway_check_ledger(g);
}

static void
an_sdk_retry_of_an_unheard_answer_is_charged_once(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply;

	fake_upstream_reset(good_answer);
	ask_retry(g, "0", good_request, true);
	assert_int_equal(gateway_account(g).spent.nano, GOOD_NANO);
	reply = ask_retry(g, "1", good_request, false);
	assert_int_equal(reply->http, 200);
	assert_string_equal(reply_header(reply, "idempotent-replayed"),
	    "true");
	assert_int_equal(fake_upstream.calls, 1);
	assert_int_equal(gateway_account(g).spent.nano, GOOD_NANO);
	gateway_check_ledger(g);
}

static void
only_a_retry_is_taken_for_one(void **state)
{
	struct gateway *g = *state;

	fake_upstream_reset(good_answer);
	/* Unheard, but asked anew: the user's own second question. */
	ask_retry(g, "0", good_request, true);
	ask_retry(g, "0", good_request, false);
	assert_int_equal(fake_upstream.calls, 2);
	/* A retry of another body. */
	ask_retry(g, "1", other_request, false);
	assert_int_equal(fake_upstream.calls, 3);
	gateway_check_ledger(g);
}

static void
heard_answers_are_not_kept_unless_they_took_long(void **state)
{
	struct gateway *g = *state;

	/* However slow the machine is. */
	gateway_configure(g, "retry_keep_after_ms = 3600000\n");
	fake_upstream_reset(good_answer);
	ask_retry(g, "0", good_request, false);
	ask_retry(g, "1", good_request, false);
	assert_int_equal(fake_upstream.calls, 2);
	gateway_configure(g, "retry_keep_after_ms = 0\n");
	ask_retry(g, "0", other_request, false);
	assert_string_equal(reply_header(ask_retry(g, "1", other_request,
	    false), "idempotent-replayed"), "true");
	assert_int_equal(fake_upstream.calls, 3);
	gateway_configure(g, "retry_window_ms = 0\n");
	ask_retry(g, "1", other_request, false);
	assert_int_equal(fake_upstream.calls, 4);
	gateway_check_ledger(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_TEST(a_named_request_is_run_once),
		GATEWAY_TEST(a_name_belongs_to_one_body),
		GATEWAY_TEST(a_failure_does_not_use_a_name_up),
		GATEWAY_TEST(a_name_is_checked_and_may_be_ignored),
		GATEWAY_TEST(an_answer_too_large_to_keep_is_charged_once),
		GATEWAY_TEST(a_twin_waits_and_is_told_to_come_back),
		GATEWAY_TEST(an_sdk_retry_of_an_unheard_answer_is_charged_once),
		GATEWAY_TEST(only_a_retry_is_taken_for_one),
		GATEWAY_TEST(heard_answers_are_not_kept_unless_they_took_long),
	};

	return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
