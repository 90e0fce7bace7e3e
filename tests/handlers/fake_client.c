/* fake_client.c: a client over memory. */
#include "tests/handlers/fake_client.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *
fake_variable(struct client *client, const char *name)
{
	struct fake_client *fake = (struct fake_client *)client;

	for (size_t i = 0; i < fake->n_variables; i++)
		if (strcmp(fake->variables[i].name, name) == 0)
			return fake->variables[i].value;
	return NULL;
}

static ssize_t
fake_read(struct client *client, void *buf, size_t size)
{
	struct fake_client *fake = (struct fake_client *)client;
	size_t len = fake->body_len - fake->taken;

	if (len == 0 && fake->breaks)
		return -1;
	if (len > size)
		len = size;
	if (fake->piece > 0 && len > fake->piece)
		len = fake->piece;
	memcpy(buf, fake->body + fake->taken, len);
	fake->taken += len;
	return (ssize_t)len;
}

static bool
fake_write(struct client *client, const char *data, size_t len)
{
	struct fake_client *fake = (struct fake_client *)client;

	if (fake->forgets && fake->out_len > FAKE_KEPT_BYTES)
		return true;
	fake->out = realloc(fake->out, fake->out_len + len + 1);
	assert(fake->out);
	memcpy(fake->out + fake->out_len, data, len);
	fake->out_len += len;
	fake->out[fake->out_len] = '\0';
	return true;
}

static bool
fake_flush(struct client *client)
{
	struct fake_client *fake = (struct fake_client *)client;

	fake->flushes++;
	return !fake->gone && (fake->flushes_max == 0 ||
	    fake->flushes <= fake->flushes_max);
}

static bool
fake_has_left(struct client *client)
{
	return ((struct fake_client *)client)->left;
}

void
fake_client_init(struct fake_client *fake)
{
	*fake = (struct fake_client){
		.client = {
			.variable = fake_variable,
			.read = fake_read,
			.write = fake_write,
			.flush = fake_flush,
			.end = fake_flush,
			.has_left = fake_has_left,
			.fd = FAKE_CLIENT_FD,
		},
		.body = "",
	};
}

void
fake_client_set(struct fake_client *fake, const char *name, const char *value)
{
	if (!value || *value == '\0')
		return;
	assert(fake->n_variables < FAKE_VARIABLES_MAX);
	fake->variables[fake->n_variables++] = (struct header){ name, value };
}

void
fake_client_clear(struct fake_client *fake)
{
	free(fake->out);
	fake->out = NULL;
}
