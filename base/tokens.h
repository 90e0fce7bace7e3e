/* tokens.h: how many tokens a text can be, and how many it likely is. */
#ifndef BASE_TOKENS_H
#define BASE_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

/*
 * What stands around the text of a prompt, per message, tool and request, in
 * tokens. Chat templates add 3 to 8 per message; the allowance is above that.
 */
enum {
	TOKENS_PER_MESSAGE = 16,
	TOKENS_PER_TOOL = 32,
	TOKENS_PER_REQUEST = 64,
};

/*
 * The most input tokens a chat request can be: a token is never less than one
 * byte of text, and every text the provider sees, in known fields and unknown
 * ones, stands in the body. So: the bytes of the body (body_bytes) less those
 * of data: URLs of images, plus the allowances above, plus image_tokens for
 * each image. Never negative; capped at INT64_MAX / 4.
 */
int64_t tokens_chat_bound(const json_t *request, size_t body_bytes,
    int64_t image_tokens);

/*
 * The most that n texts without roles can be: the bytes of the body that they
 * stand in, and the allowances of a request and of n messages.
 */
int64_t tokens_texts_bound(size_t body_bytes, int64_t n);

/* What a chat request likely is: that with a third of the bytes and a quarter
 * of the allowances. */
int64_t tokens_chat_estimate(const json_t *request, size_t body_bytes,
    int64_t image_tokens);

/* What a produced text likely is: a third of its bytes, at least 1 for any. */
int64_t tokens_text_estimate(size_t bytes);

#endif
