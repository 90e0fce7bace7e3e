/* conf_problems.c: tests of base/conf.h with configurations that are wrong. */
#include "base/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/conf_file.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define URL "base_url = http://h/v1\n"
#define PROVIDER "[provider p]\n" URL
#define PRICES "price_input = 1\nprice_output = 2\n"
#define MODEL "route = p\n" PRICES
#define FIFTY "12345678901234567890123456789012345678901234567890"

/* A file with one problem: its line, and what the words about it say. */
struct wrong {
	const char *text;
	int line;
	const char *words;
};

static struct conf_problems
problems_of(const char *path)
{
	struct conf_problems problems = { 0 };

	assert_null(conf_load(path, &problems));
	assert_true(problems.count > 0);
	assert_non_null(problems.text);
	assert_int_equal(strlen(problems.text), problems.len);
	return problems;
}

static void
assert_wrong(const struct wrong *wrong, size_t len)
{
	const char *path = conf_file_write("farebox.conf", wrong->text, len,
	    0600);
	struct conf_problems problems = problems_of(path);
	char head[CONF_FILE_PATH_SIZE + 32];

	snprintf(head, sizeof(head), "%s:%d: ", path, wrong->line);
	if (problems.count != 1 ||
	    strncmp(problems.text, head, strlen(head)) != 0 ||
	    !strstr(problems.text, wrong->words) ||
	    !strstr(problems.text, "; ") ||
	    problems.text[problems.len - 1] != '\n')
		fail_msg("expected a problem at line %d with '%s'; got:\n%s",
		    wrong->line, wrong->words, problems.text);
	free(problems.text);
}

static void
assert_all_wrong(const struct wrong *rows, size_t n_rows)
{
	for (size_t i = 0; i < n_rows; i++)
		assert_wrong(&rows[i], strlen(rows[i].text));
}

static void
bad_sections_are_named(void **state)
{
	static const struct wrong rows[] = {
		{ "\n[tariff x]\nrpm = 3\nnonsense\n", 2,
		    "unknown section [tariff]" },
		{ "[modle x]\n", 1, "did you mean 'model'?" },
		{ "[]\n", 1, "unknown section []" },
		{ "[farebox x]\n", 1, "[farebox] takes no name" },
		{ "[provider]\nbase_url = x\n", 1, "[provider NAME]" },
		{ "[model ]\n", 1, "[model ID]" },
		{ "[plan]\n", 1, "[plan NAME]" },
		{ "[plan a b]\n", 1, "the plan's name is not one" },
		{ "[plan x]\nrpm = 1000001\n", 2, "rpm is out of range" },
		{ "[farebox\nbrand = x\n", 1, "expected ']'" },
		{ "[farebox] brand = x\n", 1, "behind the section's title" },
		{ "[farebox]\n\n[farebox]\n", 3, "it began at line 1" },
		{ PROVIDER "[provider p]\n", 3, "[provider p] is given twice" },
		{ PROVIDER "[model m]\n" MODEL "[model  m]\n", 7,
		    "[model m] is given twice; it began at line 3" },
		{ "[provider a b]\n" URL, 1, "the provider's name" },
		{ "[provider " FIFTY FIFTY "]\n" URL, 1,
		    "1 to 63 letters" },
		{ "brand = x\n[farebox]\n", 1, "before any section" },
	};

	(void)state;
	assert_all_wrong(rows, COUNT(rows));
}

static void
bad_lines_are_named(void **state)
{
	static const struct wrong rows[] = {
		{ "[farebox]\nbrand\n", 2, "neither a section" },
		{ "[farebox]\nbrand\nlog = stderr\n", 2, "neither a section" },
		{ "[farebox]\nbrand = x\n  and more\n", 3,
		    "neither a section" },
		{ "[farebox]\nbrandd = x\n", 2, "did you mean 'brand'?" },
		{ "[farebox]\nzzz = x\n", 2, "unknown option 'zzz'" },
		{ "[farebox]\n= x\n", 2, "unknown option ''" },
		{ "[farebox]\nBrand = x\n", 2, "did you mean 'brand'?" },
		{ "[farebox]\nroute = x\n", 2, "expected it in [model ...]" },
		{ "[farebox]\nweight = 1\n", 2, "expected it in [route ...]" },
		{ "[farebox]\nbrand = x\n\nbrand = y\n", 4,
		    "given twice; expected it once (it was given at line 2)" },
		{ "[farebox]\nbrand = \"x\"\n", 2, "without quotation marks" },
		{ "[farebox]\nbrand = x # y\n", 2, "';' before a comment" },
		{ "[farebox]\nzzz\033[2J = x\n", 2, "'zzz?[2J'" },
	};

	(void)state;
	assert_all_wrong(rows, COUNT(rows));
}

static void
what_would_be_cut_is_named(void **state)
{
	static const char nul[] = "[farebox]\nbrand = x\0y\n";
	static const struct wrong cut = { nul, 2, "NUL byte" };
	static const struct wrong rows[] = {
		{ "[farebox]\nstore = /" FIFTY FIFTY FIFTY FIFTY "\n", 2,
		    "the line has 209 bytes; expected at most 198" },
		{ "# " FIFTY FIFTY FIFTY FIFTY "\n", 1, "at most 198" },
		{ "[model " FIFTY FIFTY FIFTY FIFTY "]\n" MODEL, 1,
		    "'id = ...'" },
		{ PROVIDER "[model " FIFTY FIFTY FIFTY "]\n" MODEL, 3,
		    "1 to 127 visible ASCII" },
	};

	(void)state;
	assert_all_wrong(rows, COUNT(rows));
	assert_wrong(&cut, sizeof(nul) - 1);
}

static void
bad_numbers_and_words_are_named(void **state)
{
	static const struct wrong rows[] = {
		{ "[farebox]\nbody_timeout_ms = 99\n", 2,
		    "out of range; expected 100 to 3600000 ms" },
		{ "[farebox]\nbody_timeout_ms = 3600001\n", 2, "out of range" },
		{ "[farebox]\nbody_timeout_ms = 99999999999999999999999\n", 2,
		    "out of range" },
		{ "[farebox]\nbody_timeout_ms = -5\n", 2, "out of range" },
		{ "[farebox]\nbody_timeout_ms = 30s\n", 2, "whole number" },
		{ "[farebox]\nbody_timeout_ms = 1e3\n", 2, "whole number" },
		{ "[farebox]\nbody_timeout_ms = +500\n", 2, "whole number" },
		{ "[farebox]\nbody_timeout_ms =\n", 2, "whole number" },
		{ "[farebox]\nlog = file\n", 2,
		    "log is 'file'; expected one of: stderr|syslog" },
		{ "[farebox]\nlog = std\n", 2, "expected one of" },
		{ "[farebox]\nlog =\n", 2, "expected one of" },
		{ "[farebox]\nlog = stderr|syslog\n", 2, "expected one of" },
		{ PROVIDER "[model m]\nroute = p\nprice_input = 1e5\n"
		    "price_output = 2\n", 5, "USD per 1M tokens" },
		{ PROVIDER "[model m]\nroute = p\nprice_input = -1\n"
		    "price_output = 2\n", 5, "price_input is '-1'" },
	};

	(void)state;
	assert_all_wrong(rows, COUNT(rows));
}

static void
bad_texts_are_named(void **state)
{
	static const struct wrong rows[] = {
		{ "[farebox]\nstore =\n", 2, "store is empty" },
		{ "[farebox]\nbrand =\n", 2, "lower-case letters" },
		{ "[farebox]\nbrand = Acme\n", 2, "brand is 'Acme'" },
		{ "[farebox]\nbrand = -a\n", 2, "'-' at either end" },
		{ "[farebox]\nbrand = a_b\n", 2, "lower-case letters" },
		{ "[farebox]\nbrand = a23456789012345678901234567890123\n", 2,
		    "1 to 32" },
		{ "[farebox]\npath_prefix = llm\n", 2, "begins with '/'" },
		{ "[farebox]\npath_prefix = /llm/\n", 2, "does not end" },
		{ "[farebox]\npath_prefix = /\n", 2, "path_prefix is '/'" },
		{ "[farebox]\npath_prefix = /a//b\n", 2, "path_prefix" },
		{ "[farebox]\npath_prefix = /a?b\n", 2, "path_prefix" },
		{ "[farebox]\ncors_origin = a b\n", 2, "cors_origin" },
		{ "[farebox]\ntrusted_proxies = ::1, 10.0.0.1/8 x\n", 2,
		    "has '10.0.0.1/8', which is no range" },
		{ "[farebox]\ntrusted_proxies = fe80::1%eth0\n", 2,
		    "is no range" },
		{ "[model m]\nowned_by = two words\n" MODEL PROVIDER, 2,
		    "owned_by" },
		{ "[model m]\nid =\n" MODEL PROVIDER, 2, "id is not one" },
		{ "[model m\xc3\xa9]\n" MODEL PROVIDER, 1, "model's ID" },
	};

	(void)state;
	assert_all_wrong(rows, COUNT(rows));
}

static void
bad_urls_are_named(void **state)
{
	static const struct wrong rows[] = {
		{ "[provider p]\nbase_url =\n", 2, "http:// or https://" },
		{ "[provider p]\nbase_url = h/v1\n", 2, "http:// or https://" },
		{ "[provider p]\nbase_url = ftp://h\n", 2, "does not begin" },
		{ "[provider p]\nbase_url = http://\n", 2, "no host" },
		{ "[provider p]\nbase_url = http:///v1\n", 2, "no host" },
		{ "[provider p]\nbase_url = http://:80/\n", 2, "no host" },
		{ "[provider p]\nbase_url = http://h/v1?k=v\n", 2, "query" },
		{ "[provider p]\nbase_url = http://h/#x\n", 2, "fragment" },
		{ "[provider p]\nbase_url = http://h//\n", 2, "'//'" },
		{ "[provider p]\nbase_url = http://h/a b\n", 2, "blanks" },
		{ "[provider p]\nbase_url = http://u:s3cret@h/\n", 2,
		    "key_file" },
	};

	(void)state;
	assert_all_wrong(rows, COUNT(rows));
}

static void
bad_models_are_named(void **state)
{
	static const struct wrong rows[] = {
		{ "[provider acme]\n" URL "[model m]\nroute = acne\n"
		    PRICES, 4, "a [provider acne]; did you mean 'acme'?" },
		{ PROVIDER "[model m]\nroute = q\n" PRICES, 4,
		    "expected a [provider q]\n" },
		{ "[model m]\nroute = other\n" PRICES, 2,
		    "which does not exist" },
		{ PROVIDER "[model m]\nroute = p a b\n" PRICES, 4,
		    "more than two words" },
		{ PROVIDER "[model m]\nroute =\n" PRICES, 4, "no value" },
		{ PROVIDER "[model m]\nroute = p " FIFTY FIFTY FIFTY "\n"
		    PRICES, 4, "1 to 127" },
		{ PROVIDER "\n[model m]\nroute = p\nprice_input = 1\n", 4,
		    "[model m] lacks 'price_output'" },
		{ "[provider p]\n", 1, "[provider p] lacks 'base_url'" },
		{ PROVIDER "[model a]\n" MODEL "[model b]\nid = a\n" MODEL, 8,
		    "model ID 'a' is given twice; expected another one (the "
		    "first is at line 3)" },
	};

	(void)state;
	assert_all_wrong(rows, COUNT(rows));
}

static void
bad_key_files_are_named(void **state)
{
	static const struct wrong rows[] = {
		{ PROVIDER "key_file = missing\n", 3, "No such file" },
		{ PROVIDER "key_file = open\n", 3, "chmod 600" },
		{ PROVIDER "key_file = group\n", 3, "chmod 600" },
		{ PROVIDER "key_file = empty\n", 3, "no usable key" },
		{ PROVIDER "key_file = blank\n", 3, "no usable key" },
		{ PROVIDER "key_file = two\n", 3, "one key" },
		{ PROVIDER "key_file = nul\n", 3, "no usable key" },
		{ PROVIDER "key_file = long\n", 3, "1 to 4096" },
		{ PROVIDER "key_file = .\n", 3, "not a regular file" },
		{ PROVIDER "key_file = pipe\n", 3, "not a regular file" },
		{ PROVIDER "key_file =\n", 3, "key_file is empty" },
		{ PROVIDER "ca_file = missing\n", 3, "ca_file" },
	};
	static char many[5000];

	(void)state;
	memset(many, 'k', sizeof(many));
	conf_file_write("open", "sk-1\n", 5, 0644);
	conf_file_write("group", "sk-1\n", 5, 0640);
	conf_file_write("empty", "", 0, 0600);
	conf_file_write("blank", " \n\n", 3, 0600);
	conf_file_write("two", "sk-1\nsk-2\n", 10, 0600);
	conf_file_write("nul", "sk\0-1", 5, 0600);
	conf_file_write("long", many, sizeof(many), 0600);
	assert_int_equal(mkfifo(conf_file_path("pipe"), 0600), 0);
	assert_all_wrong(rows, COUNT(rows));
}

static void
bad_key_variables_are_named(void **state)
{
	static const struct wrong rows[] = {
		{ PROVIDER "key_env = FAREBOX_TEST_UNSET\n", 3, "not set" },
		{ PROVIDER "key_env = FAREBOX_TEST_EMPTY\n", 3,
		    "no usable key" },
		{ PROVIDER "key_env = FAREBOX_TEST_LINES\n", 3,
		    "no usable key" },
		{ PROVIDER "key_env = 1X\n", 3, "not the name" },
		{ PROVIDER "key_env =\n", 3, "not the name" },
		{ PROVIDER "key_env = FAREBOX_TEST_GOOD\nkey_file = good\n",
		    4, "both key_file and key_env" },
	};

	(void)state;
	unsetenv("FAREBOX_TEST_UNSET");
	setenv("FAREBOX_TEST_EMPTY", "", 1);
	setenv("FAREBOX_TEST_LINES", "sk-1\r\nX-Evil: 1", 1);
	setenv("FAREBOX_TEST_GOOD", "sk-1", 1);
	conf_file_write("good", "sk-1\n", 5, 0600);
	assert_all_wrong(rows, COUNT(rows));
}

/* What may be a key in the wrong place never reaches a log. */
static void
secrets_are_not_repeated(void **state)
{
	static const char *const texts[] = {
		PROVIDER "key_env = sk-s3cret\n",
		PROVIDER "key_file = sk-s3cret\n",
		PROVIDER "key = sk-s3cret\n",
		"[provider p]\nbase_url = https://sk-s3cret@h/v1\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct conf_problems problems = problems_of(conf_file_write(
		    "farebox.conf", texts[i], strlen(texts[i]), 0600));

		assert_null(strstr(problems.text, "s3cret"));
		free(problems.text);
	}
}

static void
all_problems_are_told_by_line(void **state)
{
	static const char text[] = "[farebox]\nbrand = A\nnonsense\n"
	    "[model m]\nroute = q\nlog = x\n[provider p]\nkey_env = 1\n"
	    "[tariff x]\n";
	static const int lines[] = { 2, 3, 4, 4, 5, 6, 7, 8, 9 };
	struct conf_problems problems = problems_of(conf_file_write(
	    "farebox.conf", text, strlen(text), 0600));
	char *line = problems.text;

	(void)state;
	assert_int_equal(problems.count, COUNT(lines));
	for (size_t i = 0; i < COUNT(lines); i++) {
		assert_int_equal(atoi(strchr(line, ':') + 1), lines[i]);
		line = strchr(line, '\n') + 1;
	}
	assert_int_equal(*line, '\0');
	free(problems.text);
}

static void
problems_are_appended(void **state)
{
	struct conf_problems problems = { 0 };

	(void)state;
	assert_null(conf_load(conf_file_path("missing"), &problems));
	assert_null(conf_load(conf_file_path("no/such/place"), &problems));
	assert_null(conf_load(conf_file_path(""), &problems));
	assert_int_equal(problems.count, 3);
	assert_non_null(strstr(problems.text, "No such file"));
	assert_non_null(strstr(problems.text, "Is a directory"));
	free(problems.text);
}

#define CONF_TEST(test) \
	cmocka_unit_test_setup_teardown(test, conf_file_setup, \
	    conf_file_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CONF_TEST(bad_sections_are_named),
		CONF_TEST(bad_lines_are_named),
		CONF_TEST(what_would_be_cut_is_named),
		CONF_TEST(bad_numbers_and_words_are_named),
		CONF_TEST(bad_texts_are_named),
		CONF_TEST(bad_urls_are_named),
		CONF_TEST(bad_models_are_named),
		CONF_TEST(bad_key_files_are_named),
		CONF_TEST(bad_key_variables_are_named),
		CONF_TEST(secrets_are_not_repeated),
		CONF_TEST(all_problems_are_told_by_line),
		CONF_TEST(problems_are_appended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
