/* conf_routes.c: tests of base/conf.h: routes, their options, several keys. */
#include "base/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/conf_file.h"

#define PROVIDERS "[provider a]\nbase_url = http://a\n" \
	"[provider b]\nbase_url = http://b\nfirst_byte_timeout_ms = 4000\n"
#define PRICES "price_input = 1\nprice_output = 2\n"

static struct conf *
try_load(const char *text, struct conf_problems *problems)
{
	return conf_load(conf_file_write("farebox.conf", text, strlen(text),
	    0644), problems);
}

static struct conf *
load(const char *text)
{
	struct conf_problems problems = { 0 };
	struct conf *conf = try_load(text, &problems);

	if (!conf)
		fail_msg("%s", problems.text);
	return conf;
}

static void
routes_come_in_the_order_of_the_file(void **state)
{
	struct conf *conf = load(PROVIDERS "[model m]\n" PRICES
	    "route = a\nroute = b other\nroute = a weight=3\n");
	const struct conf_routes *routes = &conf->models[0].route;

	(void)state;
	assert_int_equal(routes->n, 3);
	assert_string_equal(routes->list[0].name, "a");
	assert_string_equal(routes->list[0].provider->name, "a");
	assert_string_equal(routes->list[0].model, "m");
	assert_int_equal(routes->list[0].priority, 1);
	assert_int_equal(routes->list[0].weight, 1);
	assert_int_equal(routes->list[0].first_byte_timeout_ms, 180000);
	assert_string_equal(routes->list[1].name, "b");
	assert_string_equal(routes->list[1].model, "other");
	assert_int_equal(routes->list[1].priority, 2);
	assert_int_equal(routes->list[1].first_byte_timeout_ms, 4000);
	assert_false(routes->list[1].cost_input.known);
	/* One with a weight shares the first place. */
	assert_int_equal(routes->list[2].priority, 1);
	assert_int_equal(routes->list[2].weight, 3);
	conf_free(conf);
}

static void
a_line_has_options_of_its_own(void **state)
{
	struct conf *conf = load(PROVIDERS "[model m]\n" PRICES
	    "route = b\tok,delay=2  priority=7 weight=5 cost_input=0.5 "
	    "first_byte_timeout_ms=90 total_timeout_ms=100\n"
	    "route = a cost_output=0\n");
	const struct route *route = conf->models[0].route.list;

	(void)state;
	assert_string_equal(route[0].model, "ok,delay=2");
	assert_int_equal(route[0].priority, 7);
	assert_int_equal(route[0].weight, 5);
	assert_int_equal(route[0].first_byte_timeout_ms, 90);
	assert_int_equal(route[0].total_timeout_ms, 100);
	assert_true(route[0].cost_input.known);
	assert_int_equal(route[0].cost_input.price.nano_per_million,
	    500000000);
	assert_string_equal(route[1].model, "m");
	assert_true(route[1].cost_output.known);
	assert_int_equal(route[1].cost_output.price.nano_per_million, 0);
	conf_free(conf);
}

static void
a_section_holds_what_a_line_does_not(void **state)
{
	struct conf *conf = load("[model m]\n" PRICES
	    "route = fast priority=4 weight=2\nroute = fast mine\n"
	    "[route fast]\nprovider = b\nmodel = quick\nweight = 9\n"
	    "stall_timeout_ms = 77\ndrop_fields = user, store  seed\n"
	    "set_fields = {\"tier\": [1, \"x\"], \"top_k\": null}\n"
	    "set_fields = {\"q\": 1.50}\ndrop_fields = n\n" PROVIDERS);
	const struct route *route = conf->models[0].route.list;

	(void)state;
	assert_int_equal(conf->n_routes, 1);
	assert_string_equal(route[0].name, "fast");
	assert_string_equal(route[0].provider->name, "b");
	assert_string_equal(route[0].model, "quick");
	assert_int_equal(route[0].priority, 4);
	assert_int_equal(route[0].weight, 2);
	assert_int_equal(route[0].stall_timeout_ms, 77);
	assert_int_equal(route[0].first_byte_timeout_ms, 4000);
	assert_int_equal(route[0].drop_fields.n, 4);
	assert_string_equal(route[0].drop_fields.list[2].name, "seed");
	assert_null(route[0].drop_fields.list[2].value);
	assert_int_equal(route[0].set_fields.n, 3);
	assert_string_equal(route[0].set_fields.list[0].name, "tier");
	assert_string_equal(route[0].set_fields.list[0].value, "[1,\"x\"]");
	assert_string_equal(route[0].set_fields.list[1].value, "null");
	assert_string_equal(route[1].model, "mine");
	assert_int_equal(route[1].weight, 9);
	assert_int_equal(route[1].priority, 1);
	conf_free(conf);
}

static void
a_provider_has_several_keys(void **state)
{
	struct conf *conf;

	(void)state;
	conf_file_write("one", "sk-1\n", 5, 0600);
	conf_file_write("two", "sk-2\n", 5, 0600);
	conf = load("[provider p]\nbase_url = http://p\nkey_file = one\n"
	    "key_file = two\n");
	assert_int_equal(conf->providers[0].n_keys, 2);
	assert_string_equal(conf->providers[0].keys[0], "sk-1");
	assert_string_equal(conf->providers[0].keys[1], "sk-2");
	conf_free(conf);
}

static void
what_is_wrong_is_named(void **state)
{
#define ROUTE "[route r]\nprovider = a\n"
#define MODEL PROVIDERS "[model m]\n" PRICES
	static const struct {
		const char *text, *where, *what;
	} rows[] = {
		{ MODEL "route = a m prioritty=2\n", ":9:",
		    "no option of a route" },
		{ MODEL "route = a weight=0\n", ":9:", "1 to 1000000 parts" },
		{ MODEL "route = a weight=\n", ":9:", "not a whole number" },
		{ MODEL "route = a cost_input=-1\n", ":9:", "such as 0.27" },
		{ MODEL "route = a m x\n", ":9:", "more than two words" },
		{ MODEL "route = c\n", ":9:", "names provider 'c'" },
		{ PROVIDERS "[route quick]\nprovider = a\n[model m]\n" PRICES
		    "route = quik\n", ":11:", "did you mean 'quick'?" },
		{ PROVIDERS "[route r]\n", ":6:", "lacks 'provider'" },
		{ PROVIDERS "[route a]\nprovider = a\n", ":6:",
		    "a provider is called 'a', too" },
		{ PROVIDERS "[route a b]\nprovider = a\n", ":6:",
		    "the route's name" },
		{ PROVIDERS "[route r]\nprovider = aa\n", ":7:",
		    "which does not exist" },
		{ PROVIDERS ROUTE "set_fields = [1]\n", ":8:",
		    "not a JSON object" },
		{ PROVIDERS ROUTE "set_fields = {\"model\": 1}\n", ":8:",
		    "on which the bill depends" },
		{ PROVIDERS ROUTE "set_fields = {\"n\": 1}\n", ":8:",
		    "on which the bill depends" },
		{ PROVIDERS ROUTE "drop_fields = max_tokens\n", ":8:",
		    "on which the bill depends" },
		{ PROVIDERS ROUTE "drop_fields = a\\b\n", ":8:",
		    "bad name of a field" },
		{ PROVIDERS ROUTE "drop_fields = x y x\n", ":8:",
		    "names 'x' twice" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_problems problems = { 0 };

		assert_null(try_load(rows[i].text, &problems));
		if (problems.count != 1 ||
		    !strstr(problems.text, rows[i].where) ||
		    !strstr(problems.text, rows[i].what))
			fail_msg("%zu: %s", i, problems.text);
		free(problems.text);
	}
}

static void
there_are_not_too_many(void **state)
{
	struct conf_problems problems = { 0 };
	char text[1024] = MODEL;

	(void)state;
	for (int i = 0; i < MODEL_ROUTES_MAX + 1; i++)
		strcat(text, "route = a\n");
	assert_null(try_load(text, &problems));
	assert_int_equal(problems.count, 1);
	assert_non_null(strstr(problems.text, ":25: route is given too"));
	free(problems.text);
}

#define CONF_TEST(test) \
	cmocka_unit_test_setup_teardown(test, conf_file_setup, \
	    conf_file_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CONF_TEST(routes_come_in_the_order_of_the_file),
		CONF_TEST(a_line_has_options_of_its_own),
		CONF_TEST(a_section_holds_what_a_line_does_not),
		CONF_TEST(a_provider_has_several_keys),
		CONF_TEST(what_is_wrong_is_named),
		CONF_TEST(there_are_not_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
