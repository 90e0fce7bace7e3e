/* serve_log.c: one line per request: who, what, how it went, where the time
 * went. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/serve_private.h"
#include "handlers/endpoint.h"
#include "handlers/error_body.h"

enum { LOG_TEXT_SIZE = 2400, WORD_SIZE = 264, DECIMAL_SIZE = 24 };

/* A line that grows; what does not fit is left out. */
struct line {
	char text[LOG_TEXT_SIZE];
	size_t len;
};

static void
add(struct line *line, const char *text)
{
	size_t len = strlen(text);

	if (len >= sizeof(line->text) - line->len)
		return;
	memcpy(line->text + line->len, text, len + 1);
	line->len += len;
}

/* " name=value"; printf() would take longer than all else about a line. */
static void
add_pair(struct line *line, const char *name, const char *value)
{
	add(line, " ");
	add(line, name);
	add(line, "=");
	add(line, value);
}

static const char *
decimal(int64_t number, char text[DECIMAL_SIZE])
{
	char *first = text + DECIMAL_SIZE - 1;
	uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;

	*first = '\0';
	do
		*--first = (char)('0' + left % 10);
	while (left /= 10);
	if (number < 0)
		*--first = '-';
	return first;
}

static void
add_number(struct line *line, const char *name, int64_t number)
{
	char text[DECIMAL_SIZE];

	add_pair(line, name, decimal(number, text));
}

static void
add_step(struct line *line, enum step step, int64_t us)
{
	char text[DECIMAL_SIZE];

	add(line, " ");
	add(line, step_name(step));
	add(line, "_us=");
	add(line, decimal(us, text));
}

/* A value that a client chose: no space, quote or byte that could mislead. */
static void
add_word(struct line *line, const char *name, const char *value)
{
	char word[WORD_SIZE];
	size_t len = strnlen(value, sizeof(word) - 1);

	for (size_t i = 0; i < len; i++)
		word[i] = value[i] <= ' ' || value[i] >= 0x7f ||
		    value[i] == '"' ? '?' : value[i];
	word[len] = '\0';
	add_pair(line, name, len > 0 ? word : "-");
}

static void
add_money(struct line *line, const char *name, money sum)
{
	char text[MONEY_TEXT_SIZE];

	add_pair(line, name, money_format(sum, text));
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
			add_number(line, counts[i].name, n);
	}
}

/* What a metered request was about. */
static void
add_sale(struct line *line, const struct exchange *x)
{
	add_word(line, "model", x->model->id);
	add_number(line, "input", x->used.input_tokens);
	add_number(line, "output", x->used.output_tokens);
	add_counts(line, &x->used);
	add_money(line, "hold", x->hold.amount);
	add_money(line, "cost", x->cost);
	add_number(line, "flags", x->usage_flags);
	add_number(line, "upstream", x->upstream_http);
	add_number(line, "upstream_us", x->upstream_us);
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

	add(&line, "request=");
	add(&line, x->id_text);
	add_word(&line, "method", method_name(x->method));
	add_word(&line, "path", x->path);
	add_number(&line, "status", x->http);
	add_word(&line, "code",
	    x->err != ERR_NONE ? error_body_code(x) : "");
	if (x->key.number != 0) {
		add_number(&line, "account", x->key.account);
		add_number(&line, "key", x->key.number);
	}
	if (x->model)
		add_sale(&line, x);
	add_number(&line, "latency_ms",
	    (clock_mono_us() - x->started_us) / 1000);
	for (int i = 0; i < STEP__COUNT; i++)
		if (times->us[i] >= 0)
			add_step(&line, (enum step)i, times->us[i]);
	if (x->earlier || x->detail) {
		add(&line, " detail=\"");
		add(&line, x->earlier ? x->earlier : "");
		add(&line, x->earlier && x->detail ? "; " : "");
		add(&line, x->detail ? x->detail : "");
		add(&line, "\"");
	}
	log_line(level_of(x), "%s", line.text);
}
