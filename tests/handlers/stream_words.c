/* stream_words.c: what is said and read in tests of streamed answers. */
#include "tests/handlers/stream_words.h"

#include <string.h>

struct fake_step steps[PIECES_MAX];

void
will_send(const char *const pieces[PIECES_MAX], enum upstream_rc rc)
{
	fake_upstream_reset(NULL);
	memset(steps, 0, sizeof(steps));
	fake_upstream.rc = rc;
	fake_upstream.steps = steps;
	for (size_t i = 0; i < PIECES_MAX && pieces[i]; i++)
		steps[fake_upstream.n_steps++].piece = pieces[i];
}
