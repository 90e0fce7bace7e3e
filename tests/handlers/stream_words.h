/* stream_words.h: what is said and read in tests of streamed answers. */
#ifndef TESTS_HANDLERS_STREAM_WORDS_H
#define TESTS_HANDLERS_STREAM_WORDS_H

#include "db/usage.h"
#include "tests/handlers/fake_upstream.h"

#define EVENT(json) "data: " json "\n\n"
#define CHUNK(model, usage, delta, finish) "{\"id\":\"c1\",\"object\":" \
	"\"chat.completion.chunk\",\"created\":1,\"model\":\"" model "\"" \
	usage ",\"choices\":[{\"index\":0,\"delta\":" delta \
	",\"finish_reason\":" finish "}]}"
#define CONTENT(text) "{\"content\":\"" text "\"}"
#define USED(input, output) "{\"prompt_tokens\":" input \
	",\"completion_tokens\":" output "}"
#define PROVIDER_ERROR(type, code) "{\"error\":{\"message\":\"Provider's " \
	"words.\",\"type\":" type ",\"param\":null,\"code\":" code "}}"

/* What the provider sends ... */
#define ROLE EVENT(CHUNK("real-demo", "", \
	"{\"role\":\"assistant\",\"content\":\"\"}", "null"))
#define SAYS(text) EVENT(CHUNK("real-demo", "", CONTENT(text), "null"))
#define FINISH EVENT(CHUNK("real-demo", "", "{}", "\"stop\""))
#define USAGE EVENT("{\"id\":\"c1\",\"choices\":[],\"usage\":" \
	USED("9", "12") "}")
#define DONE EVENT("[DONE]")

/* ... and what the client reads. */
#define TOLD_ROLE EVENT(CHUNK("demo", "", \
	"{\"role\":\"assistant\",\"content\":\"\"}", "null"))
#define TOLD(text) EVENT(CHUNK("demo", "", CONTENT(text), "null"))
#define TOLD_FINISH EVENT(CHUNK("demo", "", "{}", "\"stop\""))
#define COST(usd) ": x-farebox-request-cost " usd "\n\n"
#define KEEP_ALIVE ": keep-alive\n\n"
#define ERROR(code, type, message) EVENT("{\"error\":{\"message\":\"" \
	message "\",\"type\":\"" type "\",\"param\":null,\"code\":\"" code \
	"\"}}")
#define BROKE_OFF ERROR("upstream_error", "server_error", "The answer " \
	"broke off. What was delivered was charged; try again or use " \
	"another model.")
#define NO_ANSWER ERROR("upstream_error", "server_error", "The provider " \
	"gave no usable answer. Nothing was charged; try again or use " \
	"another model.")

/* A request for 20 tokens at most, and one that asks for its usage, too. */
static const char stream_request[] = "{\"model\":\"demo\",\"messages\":"
    "[{\"role\":\"user\",\"content\":\"Hi\"}],\"max_tokens\":20,"
    "\"stream\":true}";
static const char usage_request[] = "{\"model\":\"demo\",\"messages\":"
    "[{\"role\":\"user\",\"content\":\"Hi\"}],\"max_tokens\":20,"
    "\"stream\":true,\"stream_options\":{\"include_usage\":true}}";

/*
 * What the input of the first is estimated at, and costs at 1 USD per 1M; its
 * hold has room for 20 tokens of output at 2.
 */
enum {
	INPUT_ESTIMATE = (sizeof(stream_request) - 1) / 3 + (64 + 16) / 4,
	INPUT_BOUND = sizeof(stream_request) - 1 + 64 + 16,
	HOLD = INPUT_BOUND * 1000 + 20 * 2000,
	STREAMED = USAGE_STREAMED,
	ESTIMATED = USAGE_STREAMED | USAGE_ESTIMATED,
	PIECES_MAX = 6,
};

/* What happens during the next calls. */
extern struct fake_step steps[PIECES_MAX];

/* The provider sends these pieces, then the call ends like that. */
void will_send(const char *const pieces[PIECES_MAX], enum upstream_rc rc);

#endif
