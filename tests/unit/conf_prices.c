/* conf_prices.c: tests of what models may be sold for, in base/conf.h. */
#include "base/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/conf_file.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define HEAD "[provider p]\nbase_url = http://h/v1\n[model m]\nroute = p\n"
#define TOKENS "price_input = 1\nprice_output = 2\n"

static struct conf *
load(const char *lines, struct conf_problems *problems)
{
	char text[2048];
	int len = snprintf(text, sizeof(text), "%s%s", HEAD, lines);

	return conf_load(conf_file_write("farebox.conf", text, (size_t)len,
	    0600), problems);
}

static const char *const right[] = {
	TOKENS,
	"kind = completion\n" TOKENS "price_cached_input = 0.5\n",
	"kind = embedding\nprice_input = 0.02\n",
	"kind = embedding\nprice_input = 0.02\nprice_output = 0\n",
	"kind = image\nprice_images = 0.04\n",
	"kind = image\nprice_images = 0\nfree = yes\n",
	"kind = speech\nprice_characters = 15\nprice_min = 0.0001\n",
	"kind = transcription\nprice_second = 0.0001\n",
	"kind = transcription\n" TOKENS "price_audio_input = 6\n",
	"price_input = 0\nprice_output = 0\nfree = yes\n",
};

static void
right_prices_are_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(right); i++) {
		struct conf_problems problems = { 0 };
		struct conf *conf = load(right[i], &problems);

		if (!conf)
			fail_msg("%s", problems.text);
		conf_free(conf);
	}
}

static const struct {
	const char *lines, *words;
} wrong[] = {
	{ "price_input = 1\n", "lacks 'price_output'" },
	{ "kind = completion\nprice_output = 1\n", "lacks 'price_input'" },
	{ "kind = embedding\n", "lacks 'price_input'" },
	{ "kind = image\n", "lacks 'price_images'" },
	{ "kind = speech\n", "lacks 'price_characters'" },
	{ "kind = transcription\n", "lacks 'price_second'" },
	{ "kind = transcription\nprice_input = 1\n", "lacks 'price_output'" },
	{ "kind = transcription\nprice_second = 1\n" TOKENS, "one way" },
	{ "kind = embedding\n" TOKENS, "kind embedding is paid by" },
	{ "kind = speech\nprice_characters = 1\nprice_images = 1\n",
	    "price_images is not what a model of kind speech" },
	{ TOKENS "price_second = 0.1\n", "a model of kind chat is paid by" },
	{ TOKENS "free = yes\n", "price_input is not 0" },
	{ "kind = image\nprice_images = 0, hd 1\nfree = yes\n",
	    "price_images is not 0" },
	{ "kind = chap\n" TOKENS, "expected one of: chat|completion" },
	{ "kind = transcription\nprice_second = 0.0000000001\n",
	    "USD per second" },
	{ "kind = transcription\nprice_second = 9999999999\n",
	    "USD per second" },
	{ "kind = image\nprice_images =\n", "wrong entry" },
	{ "kind = image\nprice_images = 0.04,\n", "wrong entry" },
	{ "kind = image\nprice_images = hd standard 0.04\n", "wrong entry" },
	{ "kind = image\nprice_images = 1x1 2x2 0.04\n", "wrong entry" },
	{ "kind = image\nprice_images = hd 1x1\n", "wrong entry" },
	{ "kind = image\nprice_images = hd -1\n", "wrong entry" },
	{ "kind = image\nprice_images = hd 1x1 1, 1x1 hd 2\n",
	    "two entries" },
	{ "kind = image\nprice_images = hd 1\nimage_quality = low\n",
	    "has no price" },
	{ "kind = image\nprice_images = 1x1 1\nimage_size = 2x2\n",
	    "has no price" },
	{ "kind = image\nprice_images = a 1,b 1,c 1,d 1,e 1,f 1,g 1,h 1,"
	    "i 1,j 1,k 1,l 1,m 1,n 1,o 1,p 1,q 1,r 1,s 1,t 1,u 1,v 1,w 1,"
	    "x 1,y 1\n", "24 at most" },
};

static void
wrong_prices_are_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct conf_problems problems = { 0 };
		struct conf *conf = load(wrong[i].lines, &problems);

		assert_null(conf);
		if (problems.count != 1 ||
		    !strstr(problems.text, wrong[i].words))
			fail_msg("expected '%s'; got:\n%s", wrong[i].words,
			    problems.text);
		free(problems.text);
	}
}

static void
prices_stand_in_for_others(void **state)
{
	struct conf_problems problems = { 0 };
	struct conf *conf = load(TOKENS "price_reasoning = 3\n", &problems);
	const struct model *model = conf->models;

	(void)state;
	assert_int_equal(model->price_cached_input.nano_per_million,
	    1000000000);
	assert_int_equal(model->price_audio_input.nano_per_million,
	    1000000000);
	assert_int_equal(model->price_reasoning.nano_per_million, 3000000000);
	assert_int_equal(model->price_audio_output.nano_per_million,
	    2000000000);
	assert_int_equal(model->price_second.nano_per_million, 0);
	conf_free(conf);
}

/* In tenths of a cent; -1: there is no price. */
static const struct {
	const char *size, *quality;
	int64_t tenths;
} images[] = {
	{ "1024x1024", "standard", 40 },
	{ "1024x1024", "hd", 80 },
	{ "1792x1024", "hd", 120 },
	{ "1792x1024", "standard", 90 },
	{ "512x512", "standard", -1 },
	{ "512x512", "hd", 80 },
	{ NULL, "standard", 90 },
	{ "1024x1024", NULL, 80 },
	{ "512x512", NULL, 80 },
	{ NULL, NULL, 120 },
	{ NULL, "low", 90 },
};

static void
the_entry_that_says_most_is_the_price(void **state)
{
	struct conf_problems problems = { 0 };
	struct conf *conf = load("kind = image\nprice_images = hd 0.08, "
	    "1024x1024 0.04,\t1792x1024 0.09, 1792x1024 hd 0.12,"
	    "1024x1024 hd 0.08\n", &problems);
	price dearest;

	(void)state;
	assert_non_null(conf);
	for (size_t i = 0; i < COUNT(images); i++) {
		bool found = conf_image_price(conf->models, images[i].size,
		    images[i].quality, &dearest);

		assert_int_equal(found, images[i].tenths >= 0);
		if (found)
			assert_int_equal(dearest.nano_per_million,
			    images[i].tenths * 1000000000000);
	}
	conf_free(conf);
}

#define CONF_TEST(test) \
	cmocka_unit_test_setup_teardown(test, conf_file_setup, \
	    conf_file_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CONF_TEST(right_prices_are_taken),
		CONF_TEST(wrong_prices_are_named),
		CONF_TEST(prices_stand_in_for_others),
		CONF_TEST(the_entry_that_says_most_is_the_price),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
