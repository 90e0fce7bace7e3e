/* digest.c: keyed hashes, random bits and their text; the home of OpenSSL. */
#include "base/digest.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

static const char base62[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char crockford[] = "0123456789abcdefghjkmnpqrstvwxyz";
static const char id_prefix[] = "req_";

enum { ID_DIGITS = 26, ID_PREFIX_LEN = 4 };

/*
 * HMAC with SHA-256, made once per process: to look both up by name costs
 * several times what hashing a secret does.
 */
static EVP_MAC_CTX *
hmac_context(void)
{
	static EVP_MAC_CTX *context;
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest,
		    sizeof(digest) - 1),
		OSSL_PARAM_END,
	};
	EVP_MAC *hmac;

	if (context)
		return context;
	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	context = EVP_MAC_CTX_new(hmac);
	EVP_MAC_free(hmac);
	if (context && EVP_MAC_CTX_set_params(context, params) != 1) {
		EVP_MAC_CTX_free(context);
		context = NULL;
	}
	return context;
}

bool
digest_hmac(const void *key, size_t key_len, const void *data, size_t len,
    unsigned char out[DIGEST_BYTES])
{
	EVP_MAC_CTX *context = hmac_context();

	return context && EVP_MAC_init(context, key, key_len, NULL) == 1 &&
	       EVP_MAC_update(context, data, len) == 1 &&
	       EVP_MAC_final(context, out, NULL, DIGEST_BYTES) == 1;
}

bool
digest_sha256(const void *data, size_t len, unsigned char out[DIGEST_BYTES])
{
	return EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) == 1;
}

struct digest_run {
	EVP_MD_CTX *context;
	bool failed;
};

struct digest_run *
digest_begin(void)
{
	struct digest_run *run = calloc(1, sizeof(*run));

	if (!run)
		return NULL;
	run->context = EVP_MD_CTX_new();
	run->failed = !run->context ||
	    EVP_DigestInit_ex(run->context, EVP_sha256(), NULL) != 1;
	return run;
}

void
digest_add(struct digest_run *run, const void *data, size_t len)
{
	if (!run->failed)
		run->failed = EVP_DigestUpdate(run->context, data, len) != 1;
}

bool
digest_end(struct digest_run *run, unsigned char out[DIGEST_BYTES])
{
	bool done = run && !run->failed &&
	    EVP_DigestFinal_ex(run->context, out, NULL) == 1;

	if (run)
		EVP_MD_CTX_free(run->context);
	free(run);
	return done;
}

bool
digest_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

bool
random_bytes(void *out, size_t len)
{
	return len <= RANDOM_BYTES_MAX && getentropy(out, len) == 0;
}

/* Divides a big-endian number by 62 in place and returns the remainder. */
static unsigned
divide_by_62(unsigned char *number, size_t len)
{
	unsigned rest = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned part = rest << 8 | number[i];

		number[i] = (unsigned char)(part / 62);
		rest = part % 62;
	}
	return rest;
}

bool
random_secret(char out[SECRET_DIGITS + 1])
{
	unsigned char bits[SECRET_BITS / 8];

	if (!random_bytes(bits, sizeof(bits)))
		return false;
	out[SECRET_DIGITS] = '\0';
	for (int i = SECRET_DIGITS - 1; i >= 0; i--)
		out[i] = base62[divide_by_62(bits, sizeof(bits))];
	secret_wipe(bits, sizeof(bits));
	return true;
}

bool
request_id_make(struct request_id *id, int64_t wall_ms)
{
	for (int i = 0; i < 6; i++)
		id->byte[i] = (unsigned char)(wall_ms >> (40 - 8 * i));
	return random_bytes(id->byte + 6, REQUEST_ID_BYTES - 6);
}

int64_t
request_id_wall_ms(const struct request_id *id)
{
	int64_t wall_ms = 0;

	for (int i = 0; i < 6; i++)
		wall_ms = wall_ms << 8 | id->byte[i];
	return wall_ms;
}

char *
request_id_format(const struct request_id *id, char text[REQUEST_ID_TEXT_SIZE])
{
	/* 128 bits in 26 digits of 5: the first digit carries only three. */
	unsigned pending = 0;
	int pending_bits = 2;
	char *digit = text + ID_PREFIX_LEN;

	memcpy(text, id_prefix, ID_PREFIX_LEN);
	for (int i = 0; i < REQUEST_ID_BYTES; i++) {
		pending = pending << 8 | id->byte[i];
		for (pending_bits += 8; pending_bits >= 5; pending_bits -= 5)
			*digit++ =
			    crockford[pending >> (pending_bits - 5) & 31];
	}
	*digit = '\0';
	return text;
}

bool
request_id_parse(const char *text, struct request_id *id)
{
	unsigned pending = 0;
	int pending_bits = -2;
	unsigned char *byte = id->byte;

	if (strlen(text) != ID_PREFIX_LEN + ID_DIGITS ||
	    memcmp(text, id_prefix, ID_PREFIX_LEN) != 0)
		return false;
	for (text += ID_PREFIX_LEN; *text; text++) {
		const char *digit = strchr(crockford, *text);

		if (!digit || (pending_bits == -2 && digit - crockford > 7))
			return false;
		pending = pending << 5 | (unsigned)(digit - crockford);
		pending_bits += 5;
		if (pending_bits >= 8) {
			pending_bits -= 8;
			*byte++ = (unsigned char)(pending >> pending_bits);
		}
	}
	return true;
}

void
secret_wipe(void *secret, size_t len)
{
	OPENSSL_cleanse(secret, len);
}
