/* digest.h: keyed hashes, random bits and their text; the home of OpenSSL. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DIGEST_BYTES = 32,     /* SHA-256 */
	SECRET_BITS = 256,
	SECRET_DIGITS = 43,    /* base62 digits that carry 256 bits */
	RANDOM_BYTES_MAX = 256,
	REQUEST_ID_BYTES = 16,
	REQUEST_ID_TEXT_SIZE = 31, /* "req_", 26 digits, NUL */
};

/* HMAC-SHA-256. False only when the library fails (out of memory). */
bool digest_hmac(const void *key, size_t key_len, const void *data,
    size_t len, unsigned char out[DIGEST_BYTES]);

/* SHA-256. False only when the library fails. */
bool digest_sha256(const void *data, size_t len,
    unsigned char out[DIGEST_BYTES]);

/*
 * SHA-256 of what comes bit by bit. NULL without memory. The end frees it, and
 * is due whatever happens; it returns false when anything failed.
 */
struct digest_run;
struct digest_run *digest_begin(void);
void digest_add(struct digest_run *run, const void *data, size_t len);
bool digest_end(struct digest_run *run, unsigned char out[DIGEST_BYTES]);

/* Takes as long whether or not, and wherever, they differ. */
bool digest_equal(const void *a, const void *b, size_t len);

/*
 * Fills out with unpredictable bytes of the kernel, RANDOM_BYTES_MAX at most.
 * False when there are none to be had.
 */
bool random_bytes(void *out, size_t len);

/* 256 random bits as SECRET_DIGITS base62 digits and a NUL. */
bool random_secret(char out[SECRET_DIGITS + 1]);

/*
 * A request's ID: 48 bits of wall clock in milliseconds, big-endian, then 80
 * random bits, so that IDs sort by time.
 */
struct request_id {
	unsigned char byte[REQUEST_ID_BYTES];
};

bool request_id_make(struct request_id *id, int64_t wall_ms);
int64_t request_id_wall_ms(const struct request_id *id);

/* "req_" and 26 digits of Crockford's base32. */
char *request_id_format(const struct request_id *id,
    char text[REQUEST_ID_TEXT_SIZE]);

/* The reverse; false for anything request_id_format() does not write. */
bool request_id_parse(const char *text, struct request_id *id);

/* Overwrites a secret in a way that the compiler does not leave out. */
void secret_wipe(void *secret, size_t len);

#endif
