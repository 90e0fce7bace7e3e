/* gateway.c: a whole gateway for tests: a store, a configuration, a key. */
#include "tests/handlers/gateway.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/handlers/fake_client.h"
#include "tests/handlers/fake_upstream.h"

enum { ARENA_SIZE = 65536, HEADER_SIZE = 2048 };

const char good_answer[] = "{\"id\":\"chatcmpl-1\", \"object\":"
    "\"chat.completion\",\"created\":1,\"model\":\"real-demo\",\"choices\":"
    "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
    "\"Hello there\"},\"finish_reason\":\"stop\"}],\"usage\":"
    "{\"prompt_tokens\":9,\"completion_tokens\":12,\"total_tokens\":21}}";

static const char usual_conf[] =
    "[plan default]\n"
    "rpm = 0\n"
    "tpm = 0\n"
    "[provider main]\n"
    "base_url = http://127.0.0.1:9/v1/\n"
    "key_file = provider.key\n"
    "[model demo]\n"
    "route = main real-demo\n"
    "price_input = 1\n"
    "price_output = 2\n"
    "context = 10000\n"
    "output_tokens_max = 100\n"
    "created = 1718000000\n"
    "[model free]\n"
    "route = main\n"
    "price_input = 0\n"
    "price_output = 0\n"
    "free = yes\n"
    "[model org/pro]\n"
    "route = main pro\n"
    "price_input = 0.14\n"
    "price_output = 0.28\n"
    "output_tokens_max = 1000\n"
    "owned_by = org\n";

static void
write_file(const struct gateway *g, const char *name, const char *text,
    const char *more)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", g->dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "%s%s", text, more);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

void
gateway_configure(struct gateway *g, const char *lines)
{
	struct conf_problems problems = { 0 };
	char head[2048], path[128];

	snprintf(head, sizeof(head), "[farebox]\nstore = store\n%s\n", lines);
	write_file(g, "farebox.conf", head, strstr(lines, "[plan default]") ?
	    strstr(usual_conf, "[provider") : usual_conf);
	snprintf(path, sizeof(path), "%s/farebox.conf", g->dir);
	conf_free(g->conf);
	g->conf = conf_load(path, &problems);
	if (!g->conf)
		fail_msg("%s", problems.text);
	free(problems.text);
}

void
gateway_watch(struct gateway *g)
{
	g->health = health_open(g->conf->store);
	g->tally = tally_open(g->conf->store);
	assert_non_null(g->health);
	assert_non_null(g->tally);
}

void
gateway_use_key(struct gateway *g, struct key_spec spec)
{
	char secret[KEY_SECRET_SIZE];

	spec.account = g->account.number;
	spec.brand = g->conf->brand;
	spec.label = "test";
	assert_int_equal(key_create(g->store, &spec, secret, &g->key),
	    STORE_OK);
	snprintf(g->authorization, sizeof(g->authorization), "Bearer %s",
	    secret);
}

void
gateway_set_balance(struct gateway *g, money balance)
{
	money change;

	assert_true(money_sub(balance, gateway_account(g).balance, &change));
	if (change.nano != 0)
		assert_int_equal(ledger_credit(g->store, g->account.number,
		    ENTRY_ADJUSTMENT, change, "test", &g->account), STORE_OK);
}

static void
open_store(struct gateway *g)
{
	static const char *const recover[] = { "/bin/false", NULL };
	char why[STORE_WHY_SIZE];
	struct store_options options = {
		.dir = g->conf->store,
		.recover_command = recover,
	};

	if (store_init(g->conf->store, why) != STORE_OK ||
	    store_open(&g->store, &options, why) != STORE_OK)
		fail_msg("%s", why);
	assert_int_equal(account_create(g->store, "acme", &g->account),
	    STORE_OK);
	assert_int_equal(ledger_credit(g->store, g->account.number,
	    ENTRY_DEPOSIT, MONEY_USD(5), "", &g->account), STORE_OK);
}

int
gateway_setup(void **state)
{
	struct gateway *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	snprintf(g->dir, sizeof(g->dir), "/tmp/farebox-test-XXXXXX");
	assert_non_null(mkdtemp(g->dir));
	write_file(g, "provider.key", "sk-of-the-provider", "\n");
	gateway_configure(g, "");
	open_store(g);
	gateway_use_key(g, (struct key_spec){ .scope = KEY_SCOPE_ALL });
	g->block = aligned_alloc(16, ARENA_SIZE);
	assert_non_null(g->block);
	arena_init(&g->arena, g->block, ARENA_SIZE);
	fake_upstream_reset(good_answer);
	*state = g;
	return 0;
}

static void
reply_clear(struct reply *reply)
{
	free(reply->head);
	free(reply->log);
	json_decref(reply->json);
	*reply = (struct reply){ 0 };
}

static int
remove_one(const char *path, const struct stat *status, int type,
    struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

int
gateway_teardown(void **state)
{
	struct gateway *g = *state;

	health_close(g->health);
	tally_close(g->tally);
	store_close(g->store);
	conf_free(g->conf);
	reply_clear(&g->reply);
	fake_upstream_reset(NULL);
	free(g->block);
	nftw(g->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(g);
	return 0;
}

static void
fill_client(const struct gateway *g, const struct ask *ask,
    struct fake_client *fake, char length[24])
{
	fake_client_init(fake);
	fake->body = ask->body ? ask->body : "";
	fake->body_len = ask->body_len ? ask->body_len : strlen(fake->body);
	fake->piece = ask->piece;
	fake->breaks = ask->breaks;
	fake->gone = ask->gone;
	fake->flushes_max = ask->flushes_max;
	fake->forgets = ask->forgets;
	snprintf(length, 24, "%zu", fake->body_len);
	fake_client_set(fake, "REQUEST_METHOD", ask->method ? ask->method :
	    ask->body ? "POST" : "GET");
	fake_client_set(fake, "REQUEST_URI", ask->uri ? ask->uri :
	    "/v1/chat/completions");
	fake_client_set(fake, "HTTP_AUTHORIZATION", ask->authorization ?
	    ask->authorization : g->authorization);
	fake_client_set(fake, "CONTENT_TYPE", ask->type ? ask->type :
	    "application/json");
	fake_client_set(fake, "CONTENT_LENGTH", ask->length ? ask->length :
	    length);
	for (size_t i = 0; i + 1 < GATEWAY_VARIABLES_MAX; i += 2)
		if (ask->variables[i])
			fake_client_set(fake, ask->variables[i],
			    ask->variables[i + 1]);
}

static enum interrupt
interrupt(void *context)
{
	return ((struct gateway *)context)->interrupt;
}

/* Serves with what is logged going to a file, and gives the file's text. */
static char *
serve_quietly(struct gateway *g, struct client *client, enum serve_end *end)
{
	struct serve_tools tools = {
		.conf = g->conf,
		.store = g->store,
		.health = g->health,
		.tally = g->tally,
		.arena = &g->arena,
		.interrupt = interrupt,
		.interrupt_context = g,
	};
	FILE *file = tmpfile();
	int real = dup(STDERR_FILENO);
	char *log = calloc(1, 8192);

	assert_non_null(file);
	assert_non_null(log);
	dup2(fileno(file), STDERR_FILENO);
	*end = serve(&tools, client);
	dup2(real, STDERR_FILENO);
	close(real);
	rewind(file);
	assert_true(fread(log, 1, 8191, file) > 0);
	fclose(file);
	return log;
}

/* Takes a CGI response apart. */
static void
read_reply(struct reply *reply, char *out, size_t out_len)
{
	char *end = out ? strstr(out, "\r\n\r\n") : NULL;

	if (!end) {
		fail_msg("the response has no head");
		return;
	}
	end[2] = '\0';
	reply->head = out;
	reply->body = end + 4;
	reply->body_len = out_len - (size_t)(reply->body - out);
	reply->http = atoi(reply_header(reply, "Status"));
	reply->json = json_loads(reply->body, 0, NULL);
}

const struct reply *
gateway_ask(struct gateway *g, struct ask ask)
{
	struct fake_client fake;
	char length[24];

	reply_clear(&g->reply);
	fill_client(g, &ask, &fake, length);
	g->client = &fake;
	fake_upstream.client = &fake;
	g->reply.log = serve_quietly(g, &fake.client, &g->reply.end);
	assert_int_equal(g->arena.used_bytes, 0);
	g->client = NULL;
	fake_upstream.client = NULL;
	g->reply.flushes = fake.flushes;
	read_reply(&g->reply, fake.out, fake.out_len);
	return &g->reply;
}

const struct reply *
gateway_chat(struct gateway *g, const char *body)
{
	return gateway_ask(g, (struct ask){ .body = body });
}

const char *
reply_header(const struct reply *reply, const char *name)
{
	static char value[HEADER_SIZE];
	size_t len = strlen(name);
	const char *line = reply->head;

	for (; line && *line; line = strstr(line, "\r\n") + 2) {
		if (strncasecmp(line, name, len) != 0 || line[len] != ':')
			continue;
		snprintf(value, sizeof(value), "%.*s",
		    (int)strcspn(line + len + 2, "\r"), line + len + 2);
		return value;
	}
	return NULL;
}

const char *
reply_error(const struct reply *reply, const char *member)
{
	const json_t *error = json_object_get(reply->json, "error");

	assert_int_equal(json_object_size(reply->json), 1);
	assert_int_equal(json_object_size(error), 4);
	assert_true(json_is_string(json_object_get(error, "message")));
	assert_true(json_is_string(json_object_get(error, "type")));
	assert_true(json_is_string(json_object_get(error, "code")));
	assert_non_null(json_object_get(error, "param"));
	return json_string_value(json_object_get(error, member));
}

void
assert_error(const struct reply *reply, int http, const char *code,
    const char *param)
{
	const char *got = reply_error(reply, "param");

	if (reply->http != http || strcmp(reply_error(reply, "code"), code))
		fail_msg("expected %d %s, got %d %s", http, code, reply->http,
		    reply->body);
	if ((got == NULL) != (param == NULL) ||
	    (got && strcmp(got, param) != 0))
		fail_msg("expected param %s: %s", param ? param : "null",
		    reply->body);
}

struct account
gateway_account(struct gateway *g)
{
	struct account account;

	assert_int_equal(account_get(g->store, g->account.number, &account),
	    STORE_OK);
	return account;
}

struct key
gateway_key(struct gateway *g)
{
	struct key key;

	assert_int_equal(key_get(g->store, g->key.number, &key), STORE_OK);
	return key;
}

struct usage
gateway_last_usage(struct gateway *g)
{
	struct usage usage = { .http = -1 };
	struct request_id id;

	assert_true(request_id_parse(reply_header(&g->reply, "x-request-id"),
	    &id));
	assert_int_equal(usage_get(g->store, g->account.number, &id, &usage),
	    STORE_OK);
	return usage;
}

static void
complain(const char *sentence, void *context)
{
	(void)context;
	print_error("%s\n", sentence);
}

void
gateway_check_ledger(struct gateway *g)
{
	struct ledger_totals totals;

	assert_int_equal(ledger_check(g->store, complain, NULL, &totals),
	    STORE_OK);
	assert_int_equal(totals.wrong, 0);
	assert_int_equal(totals.holds, 0);
	assert_int_equal(totals.held.nano, 0);
}
