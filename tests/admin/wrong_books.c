/* wrong_books.c: makes a farebox whose ledger never adds up. */
#include "db/ledger.h"

/* What the linker puts in the place of ledger_check(). */
enum store_rc __wrap_ledger_check(struct store *store,
    void (*complain)(const char *sentence, void *context), void *context,
    struct ledger_totals *totals);

enum store_rc
__wrap_ledger_check(struct store *store,
    void (*complain)(const char *sentence, void *context), void *context,
    struct ledger_totals *totals)
{
	(void)store;
	*totals = (struct ledger_totals){ .accounts = 1, .wrong = 2 };
	complain("a first complaint", context);
	complain("a second complaint", context);
	return STORE_OK;
}
