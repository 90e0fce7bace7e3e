/* command.c: the table of subcommands, and how it is read. */
#include "admin/command.h"

#include <string.h>

#define F(flag) FLAG_BIT(FLAG_##flag)
#define KEY_LIMITS (F(RPM) | F(TPM) | F(TPS) | F(CONCURRENCY))

const struct flag_row flag_rows[FLAG__COUNT] = {
	[FLAG_CONFIG] = { "config", "FILE",
		"Reads this configuration, not $FAREBOX_CONFIG or the usual "
		"one." },
	[FLAG_JSON] = { "json", NULL,
		"Answers in JSON: an object, or one per line of a list." },
	[FLAG_QUIET] = { "quiet", NULL,
		"Says nothing on standard error but errors." },
	[FLAG_HELP] = { "help", NULL, "Prints help." },
	[FLAG_VERSION] = { "version", NULL, "Prints the version." },
	[FLAG_LABEL] = { "label", "LABEL",
		"What the key is called in lists (default: default)." },
	[FLAG_SCOPE] = { "scope", "all|chat|MODEL[,MODEL...]",
		"What the key may use (default: all)." },
	[FLAG_BUDGET] = { "budget", "USD",
		"The most the key may ever spend (default: no limit of its "
		"own)." },
	[FLAG_EXPIRES] = { "expires", "TIME",
		"When the key ends: 12h, 30d, 8w, 2030-01-31 or "
		"2030-01-31T12:00:00Z (default: never)." },
	[FLAG_GRACE] = { "grace", "SPAN",
		"How long the old secret stays valid: 12h, 7d, 2w or 0 "
		"(default: 24h)." },
	[FLAG_CLEAR] = { "clear", NULL,
		"Forgets the addresses that were allowed before." },
	[FLAG_FORCE] = { "force", NULL, "Does it in spite of doubts." },
	[FLAG_NOTE] = { "note", "TEXT",
		"Why, in up to 63 bytes; kept in the ledger." },
	[FLAG_LIMIT] = { "limit", "N",
		"Prints so many rows at most (default: 50)." },
	[FLAG_BEFORE] = { "before", "REQUEST-ID",
		"Begins with what is older than this request." },
	[FLAG_DIR] = { "dir", "DIR",
		"The store's directory, not the one the configuration names." },
	[FLAG_WORK] = { "work", "DIR",
		"Where the copy is made that is looked at (default: in the "
		"store's directory)." },
	[FLAG_TO] = { "to", "DIR",
		"Where the store is to be: a directory that is empty or does "
		"not exist." },
	[FLAG_WITH_PEPPER] = { "with-pepper", NULL,
		"Includes the secret that keys are hashed with." },
	[FLAG_FORMAT] = { "format", "jsonl|csv",
		"JSON Lines, which can be imported, or CSV (default: jsonl)." },
	[FLAG_KEEP_HASHES] = { "keep-hashes", NULL,
		"Includes the keyed hashes of the keys' secrets." },
	[FLAG_KEY] = { "key", "KEY",
		"A key to try more with, not $FAREBOX_KEY." },
	[FLAG_MODEL] = { "model", "MODEL",
		"The model to try a stream with (default: the key's first)." },
	[FLAG_PLAN] = { "plan", "PLAN",
		"The plan of the account (default: default)." },
	[FLAG_RPM] = { "rpm", "N|none|plan",
		"How many requests the key may make in any 60 seconds." },
	[FLAG_TPM] = { "tpm", "N|none|plan",
		"How many tokens the key may use in any 60 seconds." },
	[FLAG_TPS] = { "tps", "N|none|plan",
		"How many tokens of output the key gets in a second." },
	[FLAG_CONCURRENCY] = { "concurrency", "N|none|plan",
		"How many requests of the key run at once." },
};

const struct command commands[] = {
	{ "account", "create", "NAME", F(JSON) | F(PLAN), NEED_STORE,
		account_create_run, "Makes an account.",
		"A name is 1 to 63 letters, digits, '.', '_', '-' or '@', "
		"begins with a\nletter or digit, and is not a number." },
	{ "account", "list", "", F(JSON), NEED_STORE,
		account_list_run, "Lists the accounts.", NULL },
	{ "account", "show", "ACCOUNT", F(JSON), NEED_STORE,
		account_show_run, "Shows an account.",
		"An ACCOUNT is a name or a number." },
	{ "account", "suspend", "ACCOUNT", F(JSON), NEED_STORE,
		account_suspend_run,
		"Refuses the account's requests from now on.", NULL },
	{ "account", "resume", "ACCOUNT", F(JSON), NEED_STORE,
		account_resume_run, "Takes the account's requests again.",
		NULL },
	{ "account", "plan", "ACCOUNT PLAN", F(JSON), NEED_STORE,
		account_plan_run, "Gives an account another plan.",
		"The keys of the account have the limits of the plan from "
		"their next request on,\nbut for those that 'key limits' has "
		"given them. The plan 'default' is the one\nof accounts that "
		"were given none." },
	{ "plan", "list", "", F(JSON), NEED_STORE,
		plan_list_run, "Lists the plans and their limits.",
		"ACCOUNTS counts those that have the plan. An account whose "
		"plan the\nconfiguration lacks has the limits of 'default'." },
	{ "key", "new", "ACCOUNT",
		F(JSON) | F(LABEL) | F(SCOPE) | F(BUDGET) | F(EXPIRES) |
		    KEY_LIMITS | F(FORCE), NEED_STORE,
		key_new_run, "Makes a key and prints its secret, once.",
		"The secret stands alone on standard output and is stored "
		"nowhere.\nWith --force, --scope may list models that the "
		"configuration lacks." },
	{ "key", "list", "[ACCOUNT]", F(JSON), NEED_STORE,
		key_list_run, "Lists keys.", NULL },
	{ "key", "show", "KEY", F(JSON), NEED_STORE,
		key_show_run, "Shows a key, but not its secret.",
		"A KEY is its number, or ACCOUNT/LABEL." },
	{ "key", "disable", "KEY", F(JSON), NEED_STORE,
		key_disable_run, "Refuses a key until it is enabled.", NULL },
	{ "key", "enable", "KEY", F(JSON), NEED_STORE,
		key_enable_run, "Takes a disabled key again.", NULL },
	{ "key", "revoke", "KEY", F(JSON), NEED_STORE,
		key_revoke_run, "Ends a key for ever.", NULL },
	{ "key", "rotate", "KEY", F(JSON) | F(GRACE), NEED_STORE,
		key_rotate_run, "Gives a key a new secret and prints it, once.",
		"Number, label, scope, budget and what was spent stay. The old "
		"secret stays valid\nfor the grace period, so that the new one "
		"can be put in its place; with --grace 0\nevery old secret "
		"ends at once. Two old secrets are valid at most, and none\n"
		"for longer than the grace period that was given last." },
	{ "key", "expire", "KEY TIME", F(JSON), NEED_STORE,
		key_expire_run, "Sets when a key ends.",
		"TIME is 12h, 30d, 8w, 2030-01-31, 2030-01-31T12:00:00Z, "
		"'now' or 'never'." },
	{ "key", "allow", "KEY [RANGE...]", F(JSON) | F(CLEAR), NEED_STORE,
		key_allow_run, "Binds a key to addresses.",
		"A RANGE is an IPv4 or IPv6 address, or a range such as "
		"192.0.2.0/24 or\n2001:db8::/32. It is added to those that "
		"are allowed already; with --clear it is\nput in their place. "
		"With --clear alone the key may be used from anywhere. Where\n"
		"a proxy stands before the web server, name it in the option "
		"trusted_proxies of\nfarebox.conf, or its address is the one "
		"that counts." },
	{ "key", "limits", "KEY", F(JSON) | KEY_LIMITS, NEED_STORE,
		key_limits_run, "Shows a key's limits, or sets some.",
		"Without --rpm, --tpm, --tps and --concurrency it lists the "
		"limits in force, and\nwhether each is the key's own or its "
		"plan's. Those options give the key a limit\nof its own, free "
		"it of one ('none'), or leave it to the plan again ('plan');\n"
		"what is not named stays as it is." },
	{ "pepper", "list", "", F(JSON), NEED_STORE,
		pepper_list_run, "Lists what secrets of keys are hashed with.",
		"USABLE counts the secrets that a pepper hashes and that can "
		"still be used." },
	{ "pepper", "rotate", "", F(JSON), NEED_STORE,
		pepper_rotate_run, "Makes a new pepper.",
		"New secrets are hashed with it, and older ones when they are "
		"next shown, so all\nkeys go on working. A running gateway "
		"takes it up by itself. When the old one\nhas no usable "
		"secrets left, it can be dropped. Keep a copy of the file\n"
		"'pepper' of the store, apart from its backups." },
	{ "pepper", "drop", "NUMBER", F(JSON) | F(FORCE), NEED_STORE,
		pepper_drop_run, "Forgets an old pepper.",
		"It is refused while usable secrets depend on the pepper. With "
		"--force these stop\nworking; 'key rotate' gives such a key a "
		"new secret." },
	{ "credit", "add", "ACCOUNT USD", F(JSON) | F(NOTE), NEED_STORE,
		credit_add_run, "Adds a deposit to a balance.",
		"USD is a decimal number above zero, with nine decimals at "
		"most." },
	{ "credit", "adjust", "ACCOUNT USD", F(JSON) | F(NOTE), NEED_STORE,
		credit_adjust_run, "Corrects a balance, up or down.",
		"Write '--' before an amount below zero:\n"
		"farebox credit adjust acme -- -5" },
	{ "credit", "history", "ACCOUNT", F(JSON) | F(LIMIT), NEED_STORE,
		credit_history_run, "Lists an account's ledger, newest first.",
		NULL },
	{ "model", "list", "", F(JSON), NEED_CONF,
		model_list_run, "Lists the models and their prices.",
		"Prices are in USD per 1M tokens." },
	{ "model", "routes", "[MODEL]", F(JSON), NEED_CONF,
		model_routes_run, "Lists the routes of models, and what they "
		"earn.",
		"A margin is a price less what the route costs the operator, "
		"where that is told,\nin USD per 1M tokens." },
	{ "provider", "list", "", F(JSON), NEED_DIR,
		provider_list_run, "Lists the providers and how they are "
		"doing.",
		"CALLS and FAILED are of the last minute. A provider that is "
		"'open' failed too\noften and is asked by a probe only; one "
		"set aside, when there is no other." },
	{ "provider", "open", "NAME", F(JSON), NEED_DIR,
		provider_open_run, "Keeps a provider from being asked.",
		"It opens the provider's breaker and keeps it so, until "
		"'close' or 'reset'." },
	{ "provider", "close", "NAME", F(JSON), NEED_DIR,
		provider_close_run, "Has a provider asked whatever happens.",
		"It closes the provider's breaker and keeps it so, until "
		"'open' or 'reset'." },
	{ "provider", "reset", "NAME", F(JSON), NEED_DIR,
		provider_reset_run, "Leaves a provider's breaker to itself.",
		"It is closed, and opens when the provider fails too often." },
	{ "usage", "list", "ACCOUNT", F(JSON) | F(LIMIT) | F(BEFORE),
		NEED_STORE,
		usage_list_run, "Lists an account's requests, newest first.",
		NULL },
	{ "ledger", "check", "", F(JSON), NEED_STORE,
		ledger_check_run, "Replays the ledger and compares every sum.",
		"Complaints go to standard error; any makes it exit with 1." },
	{ "config", "check", "", F(JSON), NEED_NOTHING,
		config_check_run, "Says all that is wrong with the "
		"configuration.", NULL },
	{ "config", "sample", "", 0, NEED_NOTHING,
		config_sample_run, "Prints a commented configuration.", NULL },
	{ "store", "init", "", F(JSON) | F(DIR), NEED_DIR,
		store_init_run, "Makes an empty store.",
		"Do it as the user that the gateway runs as." },
	{ "store", "check", "", F(JSON) | F(DIR) | F(WORK), NEED_STORE,
		store_check_run, "Proves the store right, down to its "
		"tables.",
		"A copy is taken from the disk while the gateway runs, and "
		"recovered; then\nthe structure of its tables and its ledger "
		"are checked. It needs room for the\ncopy. After a failed "
		"flush to disk requests are refused until this succeeds." },
	{ "store", "backup", "DIR", F(JSON) | F(DIR) | F(WITH_PEPPER),
		NEED_STORE,
		store_backup_run, "Makes a backup while the gateway runs.",
		"DIR is empty or does not exist. It gets the tables and the "
		"log as of one moment,\nproved as by 'store check', and a "
		"manifest with the SHA-256 of each file. Without\n"
		"--with-pepper the pepper must be kept elsewhere: no key is "
		"recognised without it,\nand whoever has both can guess at "
		"keys." },
	{ "store", "restore", "BACKUP", F(JSON) | F(TO), NEED_NOTHING,
		store_restore_run, "Makes a store of a backup.",
		"The files are compared with the manifest, and the store is "
		"proved before it is\nthere. Holds of requests that ran at "
		"the time of the backup are released. Do it as\nthe user "
		"that the gateway runs as." },
	{ "store", "export", "DIR",
		F(DIR) | F(FORMAT) | F(KEEP_HASHES) | F(WORK), NEED_STORE,
		store_export_run, "Writes accounts, keys, ledger and usage "
		"as text.",
		"A file for each kind goes into DIR, which is empty or does "
		"not exist; with '-' all\ngoes to standard output. It is of "
		"one moment, for which a copy of the store is\nmade; secrets "
		"are never in it." },
	{ "store", "import", "DIR", F(JSON) | F(DIR), NEED_STORE,
		store_import_run, "Fills an empty store with what was "
		"exported.",
		"DIR holds JSON Lines of 'store export'; '-' is standard "
		"input. Balances come from\nreplaying the ledger. Keys "
		"without hashes work again when 'key rotate' has given\nthem "
		"new secrets; with hashes (--keep-hashes) they work as soon "
		"as the old store's\npepper is put beside the new one." },
	{ "store", "recover", "", F(JSON) | F(DIR) | F(FORCE), NEED_DIR,
		store_recover_run, "Recovers a store that a dead process "
		"blocks.",
		"The gateway does so by itself. With --force, it is done even "
		"when\nnobody seems to have died in it." },
	{ "routes", NULL, "", F(JSON), NEED_NOTHING,
		routes_run, "Lists the endpoints of the gateway.", NULL },
	{ "errors", NULL, "", F(JSON), NEED_NOTHING,
		errors_run, "Lists the errors that clients can see.", NULL },
	{ "options", NULL, "", F(JSON), NEED_NOTHING,
		options_run, "Lists the settings of farebox.conf.", NULL },
	{ "doctor", NULL, "[URL]", F(JSON) | F(KEY) | F(MODEL), NEED_NOTHING,
		doctor_run, "Looks for what is wrong, and tells what mends "
		"it.",
		"It looks at the configuration, the store, its disk and the "
		"clock. With the URL that\nclients use it also makes requests "
		"as they do, with curl, and names the directive\nof the web "
		"server that mends what it finds. With a key it tries a "
		"stream, which\ncosts what a few words cost. Do it as the "
		"user that the gateway runs as." },
	{ "completion", "bash", "", 0, NEED_NOTHING,
		completion_bash_run, "Prints completion for bash.",
		"Put it where bash-completion looks, or source it." },
	{ "help", NULL, "[NOUN] [VERB]", 0, NEED_NOTHING,
		help_run, "Prints help, about all or about one command.",
		NULL },
};

const size_t n_commands = sizeof(commands) / sizeof(commands[0]);

bool
command_takes(const struct command *command, enum flag flag)
{
	return ((GLOBAL_FLAGS | command->flags) & FLAG_BIT(flag)) != 0;
}

const struct command *
command_find(const char *noun, const char *verb)
{
	for (size_t i = 0; i < n_commands; i++) {
		const struct command *command = &commands[i];

		if (strcmp(command->noun, noun) == 0 &&
		    (verb ? command->verb && strcmp(command->verb, verb) == 0 :
			    !command->verb))
			return command;
	}
	return NULL;
}

const struct command *
command_noun(const char *noun)
{
	for (size_t i = 0; i < n_commands; i++)
		if (strcmp(commands[i].noun, noun) == 0)
			return &commands[i];
	return NULL;
}

bool
command_is_first_of_noun(const struct command *command)
{
	return command_noun(command->noun) == command;
}

void
command_operands(const struct command *command, size_t *min, size_t *max)
{
	*min = 0;
	*max = 0;
	for (const char *word = command->operands; *word;) {
		size_t len = strcspn(word, " ");

		*min += *word != '[';
		*max += 1;
		if (len > 4 && memcmp(word + len - 4, "...]", 4) == 0)
			*max = OPERANDS_MAX;
		word += len;
		word += strspn(word, " ");
	}
}
