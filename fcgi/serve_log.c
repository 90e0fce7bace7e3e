/* serve_log.c: one line per request: who, what, how it went, where the time
 * went. */
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/serve_private.h"
#include "handlers/endpoint.h"
#include "handlers/error_body.h"

enum { LOG_TEXT_SIZE = 2400, WORD_SIZE = 264 };

/* A line that grows; what does not fit is left out. */
struct line {
	char text[LOG_TEXT_SIZE];
	size_t len;
};

static void add(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
add(struct line *line, const char *format, ...)
{
	size_t room = sizeof(line->text) - line->len;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line->text + line->len, room, format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= room)
		line->text[line->len] = '\0';
	else
		line->len += (size_t)len;
}

/* A value that a client chose: no space, quote or byte that could mislead. */
static void
add_word(struct line *line, const char *name, const char *value)
{
	char word[WORD_SIZE];
	size_t len;

	snprintf(word, sizeof(word), "%s", value);
	len = strlen(word);
	for (size_t i = 0; i < len; i++)
		if (word[i] <= ' ' || word[i] >= 0x7f || word[i] == '"')
			word[i] = '?';
	add(line, " %s=%s", name, len > 0 ? word : "-");
}

static void
add_money(struct line *line, const char *name, money sum)
{
	char text[MONEY_TEXT_SIZE];

	add(line, " %s=%s", name, money_format(sum, text));
}

/* What else was counted, where it was. */
static void
add_counts(struct line *line, const struct amounts *used)
{
	static const struct {
		const char *name;
		size_t offset;
	} counts[] = {
#define AMOUNT(name, doc) { #name, offsetof(struct amounts, name) },
#include "base/amount.def"
#undef AMOUNT
	};

	/* The first two stand there always, under shorter names. */
	for (size_t i = 2; i < sizeof(counts) / sizeof(counts[0]); i++) {
		int64_t n;

		memcpy(&n, (const char *)used + counts[i].offset, sizeof(n));
		if (n > 0)
			add(line, " %s=%" PRId64, counts[i].name, n);
	}
}

/* What a metered request was about. */
static void
add_sale(struct line *line, const struct exchange *x)
{
	add_word(line, "model", x->model->id);
	add(line, " input=%" PRId64 " output=%" PRId64, x->used.input_tokens,
	    x->used.output_tokens);
	add_counts(line, &x->used);
	add_money(line, "hold", x->hold.amount);
	add_money(line, "cost", x->cost);
	add(line, " flags=%u upstream=%d upstream_us=%" PRId64,
	    x->usage_flags, x->upstream_http, x->upstream_us);
	add_word(line, "attempts", x->attempts);
}

static enum log_level
level_of(const struct exchange *x)
{
	/* The last is our key, our credit or our route at a provider. */
	if (x->err == ERR_GATEWAY_ERROR || x->err == ERR_CREDIT_CHECK_FAILED ||
	    x->err == ERR_UPSTREAM_UNAVAILABLE)
		return LOG_LEVEL_ERROR;
	if (x->http >= 500 || x->earlier ||
	    x->usage_flags & (USAGE_CAPPED | USAGE_SHORTFALL))
		return LOG_LEVEL_WARNING;
	return LOG_LEVEL_INFO;
}

void
serve_log(const struct exchange *x, const struct step_times *times)
{
	struct line line = { .len = 0 };

	add(&line, "request=%s", x->id_text);
	add_word(&line, "method", method_name(x->method));
	add_word(&line, "path", x->path);
	add(&line, " status=%d", x->http);
	add_word(&line, "code",
	    x->err != ERR_NONE ? error_body_code(x) : "");
	if (x->key.number != 0)
		add(&line, " account=%" PRIu32 " key=%" PRIu32,
		    x->key.account, x->key.number);
	if (x->model)
		add_sale(&line, x);
	add(&line, " latency_ms=%" PRId64,
	    (clock_mono_us() - x->started_us) / 1000);
	for (int i = 0; i < STEP__COUNT; i++)
		if (times->us[i] >= 0)
			add(&line, " %s_us=%" PRId64, step_name((enum step)i),
			    times->us[i]);
	if (x->earlier)
		add(&line, " detail=\"%s%s%s\"", x->earlier,
		    x->detail ? "; " : "", x->detail ? x->detail : "");
	else if (x->detail)
		add(&line, " detail=\"%s\"", x->detail);
	log_line(level_of(x), "%s", line.text);
}
