/* row_private.h: between records and their text. */
#ifndef DB_ROW_PRIVATE_H
#define DB_ROW_PRIVATE_H

#include "base/json.h"
#include "db/export.h"
#include "db/key.h"
#include "db/ledger.h"
#include "db/usage.h"

/* The hash of a secret; expires_ms as in key_hash_record. */
struct hash_row {
	uint32_t key, pepper;
	unsigned char hash[DIGEST_BYTES];
	int64_t expires_ms;
};

/* The names of a kind's members, in order; NULL ends them. */
const char *const *row_members(enum export_kind kind);

/* The kind that a row's member "record" names, or EXPORT_KIND__COUNT. */
enum export_kind row_kind(const json_t *row);

/* A new object, or NULL without memory. Takes over models and addresses. */
json_t *row_of_account(const struct account *account);
json_t *row_of_key(const struct key *key, json_t *models, json_t *addresses);
json_t *row_of_hash(const struct hash_row *hash);
json_t *row_of_entry(const struct entry *entry);
json_t *row_of_usage(const struct usage *usage);

/* A JSON string, or for what is not UTF-8 an object {"hex": ...}. */
json_t *row_text(const char *text);

/* Writes a value as one field of CSV. */
void row_write_csv(FILE *out, const json_t *value);

/*
 * The reverse. NULL, or the name of the member that is missing or wrong. Of a
 * key, models and addresses are read with row_key_models() and
 * row_key_addresses().
 */
const char *row_read_account(const json_t *row, struct account *account);
const char *row_read_key(const json_t *row, struct key *key);
const char *row_read_hash(const json_t *row, struct hash_row *hash);
const char *row_read_entry(const json_t *row, struct entry *entry);
const char *row_read_usage(const json_t *row, struct usage *usage);

bool row_key_model(const json_t *row, size_t index,
    char model[KEY_MODEL_SIZE]);
bool row_key_address(const json_t *row, size_t index,
    struct address_range *range);

#endif
