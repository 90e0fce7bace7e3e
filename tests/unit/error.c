/* error.c: tests of base/error.h and of the table in error.def. */
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
rows_are_complete(void **state)
{
	(void)state;
	for (int err = ERR_NONE + 1; err < ERR__COUNT; err++) {
		const struct err_row *row = err_row(err);

		assert_in_range(row->http, 400, 599);
		assert_true(*row->name && *row->type && *row->message);
		for (int dialect = 0; dialect < DIALECT__COUNT; dialect++)
			assert_true(*row->code[dialect]);
	}
}

static void
codes_are_lower_case_words(void **state)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";

	(void)state;
	for (int err = ERR_NONE + 1; err < ERR__COUNT; err++)
		for (int dialect = 0; dialect < DIALECT__COUNT; dialect++) {
			const char *code = err_row(err)->code[dialect];

			assert_int_equal(strspn(code, letters), strlen(code));
			/* usage.code of db/usage.h has room for 39. */
			assert_true(strlen(code) < 40);
		}
}

static void
messages_are_sentences(void **state)
{
	(void)state;
	for (int err = ERR_NONE + 1; err < ERR__COUNT; err++) {
		const char *message = err_row(err)->message;

		assert_in_range(message[0], 'A', 'Z');
		assert_int_equal(message[strlen(message) - 1], '.');
		assert_null(strpbrk(message, "\"\\\n%"));
	}
}

static void
the_type_fits_the_status(void **state)
{
	(void)state;
	for (int err = ERR_NONE + 1; err < ERR__COUNT; err++) {
		const struct err_row *row = err_row(err);

		if (row->http >= 500)
			assert_string_equal(row->type, "server_error");
		else
			assert_string_not_equal(row->type, "server_error");
	}
}

static void
documented_codes_are_there(void **state)
{
	const struct err_row *row = err_row(ERR_INSUFFICIENT_QUOTA);

	(void)state;
	assert_int_equal(row->http, 402);
	assert_string_equal(row->name, "INSUFFICIENT_QUOTA");
	assert_string_equal(row->code[DIALECT_NEXOROUTER],
	    "insufficient_quota");
	assert_string_equal(row->code[DIALECT_NEMOROUTER],
	    "insufficient_credits");
	assert_int_equal(err_row(ERR_INVALID_API_KEY)->http, 401);
	assert_int_equal(err_row(ERR_MODEL_NOT_FOUND)->http, 404);
	assert_int_equal(err_row(ERR_CREDIT_CHECK_FAILED)->http, 503);
	assert_int_equal(err_row(ERR_REQUEST_TOO_LARGE)->retry,
	    ERR_RETRY_NEVER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(codes_are_lower_case_words),
		cmocka_unit_test(messages_are_sentences),
		cmocka_unit_test(the_type_fits_the_status),
		cmocka_unit_test(documented_codes_are_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
