/* conf.c: tests of base/conf.h with configurations that are right. */
#include "base/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/conf_file.h"

#define MODEL "route = p\nprice_input = 1\nprice_output = 2\n"
#define PROVIDER "[provider p]\nbase_url = http://127.0.0.1:9/v1\n"

static struct conf *
load_file(const char *path)
{
	struct conf_problems problems = { 0 };
	struct conf *conf = conf_load(path, &problems);

	if (!conf)
		fail_msg("%s", problems.text);
	assert_int_equal(problems.count, 0);
	assert_null(problems.text);
	return conf;
}

static struct conf *
load(const char *text)
{
	return load_file(conf_file_write("farebox.conf", text, strlen(text),
	    0644));
}

static void
an_empty_file_has_the_defaults(void **state)
{
	struct conf *conf = load("");

	(void)state;
	assert_string_equal(conf->store, "/var/lib/farebox");
	assert_string_equal(conf->brand, "farebox");
	assert_string_equal(conf->path_prefix, "");
	assert_string_equal(conf->cors_origin, "*");
	assert_string_equal(conf->trusted_proxies, "");
	assert_int_equal(conf->dialect, DIALECT_NEXOROUTER);
	assert_int_equal(conf->hold_input, HOLD_INPUT_BOUND);
	assert_int_equal(conf->durability, DURABILITY_FLUSH);
	assert_int_equal(conf->log, LOG_TO_STDERR);
	assert_int_equal(conf->body_bytes_max, 16777216);
	assert_int_equal(conf->n_models, 0);
	assert_int_equal(conf->n_providers, 0);
	assert_string_equal(conf->file, conf_file_path("farebox.conf"));
	conf_free(conf);
}

static void
options_are_read(void **state)
{
	struct conf *conf = load("; comment\n# comment\n\n"
	    "[farebox]\r\n  brand = acme-2  ; not part of it\r\n"
	    "path_prefix: /llm\ncors_origin =\nlog=syslog\n"
	    "dialect = nemorouter\nhold_input = estimate\n"
	    "durability = process\nbody_timeout_ms = 100\n"
	    "trusted_proxies = 10.0.0.0/8, 2001:db8::1");

	(void)state;
	assert_string_equal(conf->brand, "acme-2");
	assert_string_equal(conf->path_prefix, "/llm");
	assert_string_equal(conf->cors_origin, "");
	assert_int_equal(conf->log, LOG_TO_SYSLOG);
	assert_int_equal(conf->dialect, DIALECT_NEMOROUTER);
	assert_int_equal(conf->hold_input, HOLD_INPUT_ESTIMATE);
	assert_int_equal(conf->durability, DURABILITY_PROCESS);
	assert_int_equal(conf->body_timeout_ms, 100);
	assert_string_equal(conf->trusted_proxies, "10.0.0.0/8, 2001:db8::1");
	conf_free(conf);
}

static void
a_model_may_stand_before_its_provider(void **state)
{
	struct conf *conf = load("\xef\xbb\xbf[model deepseek/chat]\n"
	    "route = p deepseek-chat\nprice_input = 0.27\n"
	    "price_output = 1.1\nimage_tokens = 0\n"
	    "[ model\tb ]\n" MODEL PROVIDER);
	const struct model *model = conf_model(conf, "deepseek/chat", 13);

	(void)state;
	assert_int_equal(conf->n_models, 2);
	assert_int_equal(conf->n_providers, 1);
	assert_non_null(model);
	assert_string_equal(model->id, "deepseek/chat");
	assert_int_equal(model->route.n, 1);
	assert_ptr_equal(model->route.list[0].provider,
	    conf_provider(conf, "p"));
	assert_string_equal(model->route.list[0].model, "deepseek-chat");
	assert_int_equal(model->price_input.nano_per_million, 270000000);
	assert_int_equal(model->price_output.nano_per_million, 1100000000);
	assert_int_equal(model->image_tokens, 0);
	assert_int_equal(model->output_tokens_max, 4096);
	assert_int_equal(model->kind, MODEL_CHAT);
	assert_string_equal(model->owned_by, "farebox");
	assert_int_equal(model->line, 1);
	model = conf_model(conf, "bcd", 1);
	assert_non_null(model);
	assert_string_equal(model->route.list[0].model, "b");
	assert_int_equal(model->line, 6);
	conf_free(conf);
}

static void
unknown_names_are_not_found(void **state)
{
	struct conf *conf = load(PROVIDER "[model abc]\n" MODEL);

	(void)state;
	assert_null(conf_model(conf, "ab", 2));
	assert_null(conf_model(conf, "abcd", 4));
	assert_null(conf_model(conf, "", 0));
	assert_null(conf_model(conf, "abc\0", 4));
	assert_non_null(conf_model(conf, "abc", 3));
	assert_null(conf_provider(conf, ""));
	assert_null(conf_provider(conf, "pp"));
	conf_free(conf);
}

static void
an_id_stands_in_for_the_title(void **state)
{
	char text[512], id[128];
	struct conf *conf;

	(void)state;
	memset(id, 'x', 127);
	id[127] = '\0';
	snprintf(text, sizeof(text), PROVIDER "[model short]\nid = %s\n" MODEL
	    "[model %s]\n" MODEL "id = other]\n", id, id);
	conf = load(text);
	assert_ptr_equal(conf_model(conf, id, 127), &conf->models[0]);
	assert_string_equal(conf->models[0].name, "short");
	assert_string_equal(conf->models[0].route.list[0].model, id);
	assert_ptr_equal(conf_model(conf, "other]", 6), &conf->models[1]);
	assert_null(conf_model(conf, "short", 5));
	conf_free(conf);
}

/* libinih would cut a title at 49 bytes, and two models would be one. */
static void
long_titles_are_not_cut(void **state)
{
#define LONG "a23456789b23456789c23456789d23456789e23456789f23456789"
	struct conf *conf = load(PROVIDER "[model " LONG "1]\n" MODEL
	    "[model " LONG "2]\n" MODEL);

	(void)state;
	assert_ptr_equal(conf_model(conf, LONG "1", strlen(LONG) + 1),
	    &conf->models[0]);
	assert_ptr_equal(conf_model(conf, LONG "2", strlen(LONG) + 1),
	    &conf->models[1]);
	conf_free(conf);
}

static void
the_longest_line_is_whole(void **state)
{
	char text[512] = "# ", url[256] = "http://h/";
	struct conf *conf;

	(void)state;
	/* "base_url=" and this are 198 bytes. */
	memset(url + 9, 'u', 180);
	snprintf(text, sizeof(text), "[provider p]\nbase_url=%s\n"
	    "stall_timeout_ms=77", url);
	conf = load(text);
	assert_string_equal(conf->providers[0].base_url, url);
	assert_int_equal(conf->providers[0].stall_timeout_ms, 77);
	conf_free(conf);
}

static void
a_slash_behind_the_url_is_left_out(void **state)
{
	struct conf *conf = load(
	    "[provider a]\nbase_url = https://a.example/v1/\n"
	    "[provider b]\nbase_url = HTTP://[::1]:8000\n");

	(void)state;
	assert_string_equal(conf->providers[0].base_url,
	    "https://a.example/v1");
	assert_string_equal(conf->providers[1].base_url, "HTTP://[::1]:8000");
	conf_free(conf);
}

static void
relative_paths_are_beside_the_file(void **state)
{
	struct conf *conf;

	(void)state;
	conf_file_write("upstream.key", "sk-test-1\n", 10, 0600);
	conf_file_write("ca.pem", "x", 1, 0644);
	conf = load("[farebox]\nstore = state\n" PROVIDER
	    "key_file = upstream.key\nca_file = ./ca.pem\n");
	assert_string_equal(conf->store, conf_file_path("state"));
	assert_string_equal(conf->providers[0].key_file.list[0].text,
	    conf_file_path("upstream.key"));
	assert_string_equal(conf->providers[0].ca_file,
	    conf_file_path("./ca.pem"));
	assert_string_equal(conf->providers[0].keys[0], "sk-test-1");
	conf_free(conf);
}

static void
a_file_without_a_directory_is_here(void **state)
{
	char *before = getcwd(NULL, 0);
	struct conf *conf;

	(void)state;
	assert_non_null(before);
	conf_file_write("farebox.conf", "[farebox]\nstore = state\n", 24, 0600);
	assert_int_equal(chdir(conf_file_path("")), 0);
	conf = load_file("farebox.conf");
	assert_int_equal(chdir(before), 0);
	free(before);
	assert_string_equal(conf->store, conf_file_path("state"));
	conf_free(conf);
}

static void
keys_come_from_the_environment(void **state)
{
	struct conf *conf;

	(void)state;
	setenv("FAREBOX_TEST_KEY", "sk-test-2", 1);
	conf = load(PROVIDER "key_env = FAREBOX_TEST_KEY\n"
	    "[provider none]\nbase_url = http://h\n");
	unsetenv("FAREBOX_TEST_KEY");
	assert_string_equal(conf->providers[0].keys[0], "sk-test-2");
	assert_int_equal(conf->providers[1].n_keys, 0);
	assert_int_equal(conf->providers[1].key_file.n, 0);
	conf_free(conf);
}

static void
the_path_is_chosen(void **state)
{
	(void)state;
	setenv("FAREBOX_CONFIG", "/from/environment", 1);
	assert_string_equal(conf_path("/given"), "/given");
	assert_string_equal(conf_path(NULL), "/from/environment");
	setenv("FAREBOX_CONFIG", "", 1);
	assert_non_null(strstr(conf_path(NULL), "/farebox.conf"));
	unsetenv("FAREBOX_CONFIG");
	assert_non_null(strstr(conf_path(NULL), "/farebox.conf"));
	conf_free(NULL);
}

/* The sample, with each line that begins as told rewritten. */
static char *
sample(bool uncomment)
{
	static const char *const required[][2] = {
		{ "base_url =\n", "base_url = http://127.0.0.1:9/v1\n" },
		{ "route =\n", "route = example upstream-model\n" },
		{ ";price_input =\n", "price_input = 0.27\n" },
		{ ";price_output =\n", "price_output = 1.10\n" },
	};
	char line[256], *text = NULL;
	size_t len;
	FILE *in = tmpfile(), *out = open_memstream(&text, &len);

	conf_write_sample(in);
	rewind(in);
	while (fgets(line, sizeof(line), in)) {
		char *from = line;

		assert_true(strlen(line) < 80);
		for (size_t i = 0; i < 4; i++)
			if (strcmp(line, required[i][0]) == 0)
				strcpy(line, required[i][1]);
		/* A default that is nothing cannot always be written down. */
		if (uncomment && line[0] == ';' && !strstr(line, "=\n"))
			from++;
		fputs(from, out);
	}
	fclose(in);
	fclose(out);
	return text;
}

static void
the_sample_can_be_loaded(void **state)
{
	(void)state;
	for (int uncomment = 0; uncomment < 2; uncomment++) {
		char *text = sample(uncomment);
		struct conf *conf = load(text);

		assert_int_equal(conf->n_models, 1);
		assert_int_equal(conf->n_providers, 1);
		assert_string_equal(conf->models[0].id, "example-model");
		assert_string_equal(conf->models[0].route.list[0].model,
		    "upstream-model");
		assert_int_equal(conf->requests_per_worker, 1000);
		for (size_t i = 0; i < n_option_rows; i++)
			assert_non_null(strstr(text, option_rows[i].name));
		conf_free(conf);
		free(text);
	}
}

static void
the_sample_wants_what_is_required(void **state)
{
	struct conf_problems problems = { 0 };
	FILE *out = fopen(conf_file_path("farebox.conf"), "w");

	(void)state;
	assert_non_null(out);
	conf_write_sample(out);
	fclose(out);
	assert_null(conf_load(conf_file_path("farebox.conf"), &problems));
	assert_int_equal(problems.count, 4);
	free(problems.text);
}

static void
plans_have_defaults(void **state)
{
	struct conf *conf = load("[plan free]\nrpm = 10\nper_model = yes\n");
	const struct plan *plan;

	(void)state;
	assert_int_equal(conf->n_plans, 2);
	plan = conf_plan_of(conf, "");
	assert_string_equal(plan->name, "default");
	assert_int_equal(plan->rpm, 120);
	assert_int_equal(plan->tpm, 120000);
	assert_int_equal(plan->tps, 0);
	assert_int_equal(plan->concurrency, 0);
	assert_int_equal(plan->account_concurrency, 0);
	assert_int_equal(plan->per_model, PER_MODEL_NO);
	assert_ptr_equal(conf_plan_of(conf, "gone"), plan);
	assert_null(conf_plan(conf, "gone"));
	plan = conf_plan_of(conf, "free");
	assert_string_equal(plan->name, "free");
	assert_int_equal(plan->rpm, 10);
	assert_int_equal(plan->tpm, 120000);
	assert_int_equal(plan->per_model, PER_MODEL_YES);
	conf_free(conf);
	conf = load("[plan default]\ntpm = 0\n");
	assert_int_equal(conf->n_plans, 1);
	assert_int_equal(conf_plan_of(conf, "")->tpm, 0);
	conf_free(conf);
}

static void
option_rows_are_in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_option_rows; i++) {
		const struct option_row *row = &option_rows[i];

		assert_true(*row->doc && *row->unit);
		assert_int_equal(row->doc[strlen(row->doc) - 1], '.');
		assert_true(row->min <= row->max);
		if (i > 0)
			assert_true(row[-1].section <= row->section);
	}
	assert_string_equal(option_section_name(OPTION_SECTION_MODEL),
	    "model");
}

#define CONF_TEST(test) \
	cmocka_unit_test_setup_teardown(test, conf_file_setup, \
	    conf_file_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CONF_TEST(an_empty_file_has_the_defaults),
		CONF_TEST(options_are_read),
		CONF_TEST(a_model_may_stand_before_its_provider),
		CONF_TEST(unknown_names_are_not_found),
		CONF_TEST(an_id_stands_in_for_the_title),
		CONF_TEST(long_titles_are_not_cut),
		CONF_TEST(the_longest_line_is_whole),
		CONF_TEST(a_slash_behind_the_url_is_left_out),
		CONF_TEST(relative_paths_are_beside_the_file),
		CONF_TEST(a_file_without_a_directory_is_here),
		CONF_TEST(keys_come_from_the_environment),
		CONF_TEST(the_path_is_chosen),
		CONF_TEST(the_sample_can_be_loaded),
		CONF_TEST(the_sample_wants_what_is_required),
		CONF_TEST(plans_have_defaults),
		CONF_TEST(option_rows_are_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
