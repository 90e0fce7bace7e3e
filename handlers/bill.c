/* bill.c: from amounts to money. */
#include "handlers/bill.h"

bool
bill_price(const struct model *model, const struct amounts *amounts,
    money *cost)
{
	struct charge charge = { 0 };

	return charge_add(&charge, model->price_input,
	           amounts->input_tokens) &&
	       charge_add(&charge, model->price_output,
	           amounts->output_tokens) &&
	       charge_total(&charge, cost);
}
