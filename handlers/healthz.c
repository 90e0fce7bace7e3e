/* healthz.c: GET /healthz: the worker is alive and can ask the store. */
#include "handlers/endpoint.h"

bool
healthz_handle(struct exchange *x)
{
	enum store_rc rc = STORE_UNAVAILABLE;
	struct account account;

	if (x->store)
		rc = account_get(x->store, 1, &account);
	if (rc != STORE_OK && rc != STORE_NOT_FOUND)
		return exchange_fail(x, ERR_CREDIT_CHECK_FAILED, NULL,
		    "The gateway's store cannot be asked: requests are refused "
		    "until it can.");
	return exchange_answer_json(x, 200, json_pack("{s:s}", "status", "ok"));
}
