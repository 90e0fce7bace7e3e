/* pages.c: the endpoints that only tell: models, balance, health. */
#include <stdio.h>
#include <string.h>

#include "tests/handlers/fake_upstream.h"
#include "tests/handlers/gateway.h"

#define DEMO "{\"id\":\"demo\",\"object\":\"model\",\"created\":1718000000," \
	"\"owned_by\":\"farebox\"}"
#define FREE "{\"id\":\"free\",\"object\":\"model\",\"created\":0," \
	"\"owned_by\":\"farebox\"}"
#define PRO "{\"id\":\"org/pro\",\"object\":\"model\",\"created\":0," \
	"\"owned_by\":\"org\"}"

enum store_rc __real_key_authenticate(struct store *store, const char *secret,
    struct key *key, struct account *account);
enum store_rc __wrap_key_authenticate(struct store *store, const char *secret,
    struct key *key, struct account *account);

/* It may see the sums of a charge that is undone a moment later. */
enum store_rc
__wrap_key_authenticate(struct store *store, const char *secret,
    struct key *key, struct account *account)
{
	enum store_rc rc = __real_key_authenticate(store, secret, key,
	    account);

	account->held = account->spent = account->balance;
	key->held = key->spent = key->budget;
	return rc;
}

static const struct reply *
get(struct gateway *g, const char *uri)
{
	return gateway_ask(g, (struct ask){ .uri = uri });
}

static void
models_are_those_of_the_key(void **state)
{
	static const char *const listed[] = { "org/pro", "gone" };
	struct gateway *g = *state;

	assert_string_equal(get(g, "/v1/models")->body,
	    "{\"object\":\"list\",\"data\":[" DEMO "," FREE "," PRO "]}");
	gateway_use_key(g, (struct key_spec){ .scope = KEY_SCOPE_CHAT });
	assert_string_equal(get(g, "/v1/models")->body,
	    "{\"object\":\"list\",\"data\":[" DEMO "," FREE "," PRO "]}");
	gateway_use_key(g, (struct key_spec){ .scope = KEY_SCOPE_LIST,
	    .models = listed, .n_models = 2 });
	assert_string_equal(get(g, "/v1/models")->body,
	    "{\"object\":\"list\",\"data\":[" PRO "]}");
	assert_string_equal(get(g, "/v1/models/org%2Fpro")->body, PRO);
	assert_error(get(g, "/v1/models/demo"), 404, "model_not_found",
	    "model");
	assert_error(get(g, "/v1/models/gone"), 404, "model_not_found",
	    "model");
}

static void
a_model_outside_the_scope_does_not_exist(void **state)
{
	static const char *const listed[] = { "free" };
	struct gateway *g = *state;
	const struct reply *reply;

	gateway_use_key(g, (struct key_spec){ .scope = KEY_SCOPE_LIST,
	    .models = listed, .n_models = 1 });
	reply = gateway_chat(g, good_request);
	assert_error(reply, 404, "model_not_found", "model");
	assert_non_null(strstr(reply->body,
	    "\"There is no model 'demo' for this key. GET /v1/models"));
	reply = gateway_chat(g, "{\"model\":\"omed\",\"messages\":[]}");
	assert_error(reply, 404, "model_not_found", "model");
	assert_non_null(strstr(reply->body,
	    "\"There is no model 'omed' for this key. GET /v1/models"));
	assert_int_equal(fake_upstream.calls, 0);
	assert_string_equal(gateway_last_usage(g).code, "model_not_found");
}

static void
the_balance_is_exact(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply = get(g, "/v1/balance");

	assert_int_equal(strncmp(reply->body, "{\"balance\":5,\"currency\":"
	    "\"USD\",\"total_spent\":0,\"last_updated\":\"2", 62), 0);
	assert_non_null(strstr(reply->body, "Z\",\"quota\":2500000,"
	    "\"held\":0,\"available\":5,\"plan\":\"default\"}"));

	gateway_chat(g, good_request);
	gateway_use_key(g, (struct key_spec){ .has_budget = true,
	    .budget = { 1500000001 } });
	gateway_chat(g, good_request);
	reply = get(g, "/v1/balance");
	assert_non_null(reply->json);
	assert_non_null(strstr(reply->body, "{\"balance\":4.999934,"));
	assert_non_null(strstr(reply->body, "\"total_spent\":0.000066,"));
	assert_non_null(strstr(reply->body, "\"quota\":2499967,\"held\":0,"
	    "\"available\":4.999934,\"plan\":\"default\","
	    "\"key_budget\":{\"limit\":1.500000001,"
	    "\"spent\":0.000033,\"held\":0,\"remaining\":1.499967001}}"));
}

static void
the_balance_names_the_plan(void **state)
{
	struct gateway *g = *state;
	struct account account;

	gateway_configure(g, "[plan tier-1]\n");
	assert_int_equal(account_set_plan(g->store, g->account.number,
	    "tier-1", &account), STORE_OK);
	assert_non_null(strstr(get(g, "/v1/balance")->body,
	    ",\"plan\":\"tier-1\"}"));
	/* One that is no more counts for nothing. */
	gateway_configure(g, "");
	assert_non_null(strstr(get(g, "/v1/balance")->body,
	    ",\"plan\":\"default\"}"));
}

static void
an_empty_account_may_look(void **state)
{
	struct gateway *g = *state;

	gateway_set_balance(g, MONEY_ZERO);
	assert_int_equal(get(g, "/v1/balance")->http, 200);
	assert_int_equal(get(g, "/v1/models")->http, 200);
}

static void
health_needs_no_key(void **state)
{
	struct gateway *g = *state;
	const struct reply *reply = gateway_ask(g, (struct ask){
	    .uri = "/healthz", .authorization = "" });

	assert_int_equal(reply->http, 200);
	assert_string_equal(reply->body, "{\"status\":\"ok\"}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_TEST(models_are_those_of_the_key),
		GATEWAY_TEST(a_model_outside_the_scope_does_not_exist),
		GATEWAY_TEST(the_balance_is_exact),
		GATEWAY_TEST(the_balance_names_the_plan),
		GATEWAY_TEST(an_empty_account_may_look),
		GATEWAY_TEST(health_needs_no_key),
	};

	return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
