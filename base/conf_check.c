/* conf_check.c: what a text in farebox.conf may say, and the keys it names. */
#include "base/conf_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/address.h"
#include "base/digest.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

bool
conf_is_word(const char *text, size_t len_max)
{
	size_t len = 0;

	while (text[len] > ' ' && text[len] < 0x7f)
		len++;
	return !text[len] && len > 0 && len <= len_max;
}

/* Returns what to keep, or NULL with a problem noted. */
typedef const char *check_text(struct conf_draft *draft,
    const struct option_row *row, const struct conf_setting *setting);

static const char *
check_path(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting)
{
	char *path;
	const char *kept;
	int len;

	if (!setting->value[0]) {
		conf_complain(draft, setting->line,
		    "%s is empty; expected a %s", row->name, row->unit);
		return NULL;
	}
	if (setting->value[0] == '/')
		return setting->value;
	len = asprintf(&path, "%s/%s", draft->dir, setting->value);
	if (len < 0) {
		draft->no_memory = true;
		return NULL;
	}
	kept = conf_keep(draft, path, (size_t)len);
	free(path);
	return kept;
}

static const char *
check_readable(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting)
{
	const char *path = check_path(draft, row, setting);

	if (path && access(path, R_OK) != 0) {
		conf_complain(draft, setting->line,
		    "%s '%s' cannot be read: %s; expected a file that this "
		    "user may read", row->name, path, strerror(errno));
		return NULL;
	}
	return path;
}

static const char *
check_brand(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting)
{
	const char *brand = setting->value;
	size_t len = strlen(brand);

	if (len > 0 && len <= CONF_BRAND_LEN_MAX &&
	    strspn(brand, LOWER DIGITS "-") == len && brand[0] != '-' &&
	    brand[len - 1] != '-')
		return brand;
	conf_complain(draft, setting->line,
	    "%s is '%s'; expected 1 to %d lower-case letters, digits and '-', "
	    "with no '-' at either end", row->name, brand, CONF_BRAND_LEN_MAX);
	return NULL;
}

static const char *
check_prefix(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting)
{
	const char *prefix = setting->value;
	size_t len = strlen(prefix);

	if (len == 0 || (prefix[0] == '/' && prefix[len - 1] != '/' &&
	    !strstr(prefix, "//") &&
	    strspn(prefix, UPPER LOWER DIGITS "/._~-") == len))
		return prefix;
	conf_complain(draft, setting->line,
	    "%s is '%s'; expected nothing, or a path such as /llm that begins "
	    "with '/' and does not end with it", row->name, prefix);
	return NULL;
}

static const char *
check_origin(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting)
{
	if (!setting->value[0] || conf_is_word(setting->value, 255))
		return setting->value;
	conf_complain(draft, setting->line,
	    "%s is not one; expected '*', an origin such as "
	    "https://app.example, or nothing", row->name);
	return NULL;
}

static const char *
check_proxies(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting)
{
	size_t len;
	const char *fault = address_list_fault(setting->value, &len);

	if (!fault)
		return setting->value;
	conf_complain(draft, setting->line,
	    "%s has '%.*s', which is no range; expected addresses, or ranges "
	    "such as 10.0.0.0/8 or 2001:db8::/32 with no bit set beyond their "
	    "length", row->name, (int)len, fault);
	return NULL;
}

static const char *
check_word(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting)
{
	if (conf_is_word(setting->value, CONF_MODEL_LEN_MAX))
		return setting->value;
	conf_complain(draft, setting->line,
	    "%s is not one; expected 1 to %d visible ASCII characters",
	    row->name, CONF_MODEL_LEN_MAX);
	return NULL;
}

/* What is wrong with a base URL, or NULL. */
static const char *
url_fault(const char *url)
{
	const char *host;
	size_t host_len, len = strlen(url);

	if (strncasecmp(url, "http://", 7) != 0 &&
	    strncasecmp(url, "https://", 8) != 0)
		return "does not begin with http:// or https://";
	host = strchr(url, ':') + 3;
	host_len = strcspn(host, "/?#");
	if (host_len == 0 || host[0] == ':')
		return "names no host";
	if (memchr(host, '@', host_len))
		return "holds a user name (keys go into key_file)";
	if (strpbrk(url, "?#"))
		return "has a query or a fragment";
	if (!conf_is_word(url, 255))
		return "has blanks or other odd characters, or is over 255 "
		    "bytes long";
	if (len > 1 && url[len - 1] == '/' && url[len - 2] == '/')
		return "ends with '//'";
	return NULL;
}

static const char *
check_url(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting)
{
	const char *fault = url_fault(setting->value);
	size_t len = strlen(setting->value);

	if (fault) {
		conf_complain(draft, setting->line,
		    "%s %s; expected one such as https://api.example.com/v1",
		    row->name, fault);
		return NULL;
	}
	return setting->value[len - 1] == '/' ?
	    conf_keep(draft, setting->value, len - 1) : setting->value;
}

/*
 * A name that is none is not printed: a key may have been pasted there.
 */
static const char *
check_variable(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting)
{
	const char *name = setting->value;

	if (*name && !strchr(DIGITS, *name) &&
	    !name[strspn(name, UPPER LOWER DIGITS "_")])
		return name;
	conf_complain(draft, setting->line,
	    "%s is not the name of an environment variable; expected one such "
	    "as OPENAI_API_KEY", row->name);
	return NULL;
}

static const struct {
	enum option_section section;
	const char *name;
	check_text *check;
} checks[] = {
	{ OPTION_SECTION_FAREBOX, "store", check_path },
	{ OPTION_SECTION_FAREBOX, "spool_dir", check_path },
	{ OPTION_SECTION_FAREBOX, "brand", check_brand },
	{ OPTION_SECTION_FAREBOX, "path_prefix", check_prefix },
	{ OPTION_SECTION_FAREBOX, "cors_origin", check_origin },
	{ OPTION_SECTION_FAREBOX, "trusted_proxies", check_proxies },
	{ OPTION_SECTION_PROVIDER, "base_url", check_url },
	{ OPTION_SECTION_PROVIDER, "key_file", check_path },
	{ OPTION_SECTION_PROVIDER, "key_env", check_variable },
	{ OPTION_SECTION_PROVIDER, "ca_file", check_readable },
	{ OPTION_SECTION_ROUTE, "model", check_word },
	{ OPTION_SECTION_MODEL, "id", check_word },
	{ OPTION_SECTION_MODEL, "image_size", check_word },
	{ OPTION_SECTION_MODEL, "image_quality", check_word },
	{ OPTION_SECTION_MODEL, "owned_by", check_word },
};

const char *
conf_check_text(struct conf_draft *draft, const struct option_row *row,
    const struct conf_setting *setting)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (checks[i].section == row->section &&
		    strcmp(checks[i].name, row->name) == 0)
			return checks[i].check(draft, row, setting);
	return setting->value;
}

/* What is wrong with an open key file, or NULL. */
static const char *
file_fault(int fd)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return strerror(errno);
	if (!S_ISREG(status.st_mode))
		return "it is not a regular file";
	if (status.st_mode & 077)
		return "other users may read it: chmod 600 it, owned by the "
		    "user that runs the pool";
	return NULL;
}

/* Keeps a key, if it is one that may go into a header. */
static const char *
keep_key(struct conf_draft *draft, const char *source, int line,
    const char *key)
{
	if (conf_is_word(key, CONF_KEY_LEN_MAX))
		return conf_keep(draft, key, strlen(key));
	conf_complain(draft, line,
	    "%s holds no usable key; expected one key of 1 to %d visible ASCII "
	    "characters and nothing else", source, CONF_KEY_LEN_MAX);
	return NULL;
}

static const char *
read_key_file(struct conf_draft *draft, int line, const char *path)
{
	char text[CONF_KEY_LEN_MAX + 4];
	const char *fault, *key = NULL;
	ssize_t len = 0;
	int fd;

	/* O_NONBLOCK: a FIFO must not keep the reader waiting. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	fault = fd < 0 ? strerror(errno) : file_fault(fd);
	if (!fault && (len = read(fd, text, sizeof(text) - 1)) < 0)
		fault = strerror(errno);
	if (fd >= 0)
		close(fd);
	if (fault) {
		conf_complain(draft, line,
		    "key_file cannot be used: %s; expected a file that only "
		    "its owner may read (a relative name is looked for in %s)",
		    fault, draft->dir);
		return NULL;
	}
	while (len > 0 && strchr(" \t\r\n", text[len - 1]))
		len--;
	text[len] = '\0';
	if (memchr(text, '\0', (size_t)len))
		text[0] = '\0';
	key = keep_key(draft, "key_file", line, text);
	secret_wipe(text, sizeof(text));
	return key;
}

static const char *
read_key_variable(struct conf_draft *draft, int line, const char *name)
{
	const char *key = getenv(name);

	if (key)
		return keep_key(draft, "the variable of key_env", line, key);
	conf_complain(draft, line,
	    "key_env names a variable that is not set; expected it in the "
	    "environment of this command and of the pool");
	return NULL;
}

void
conf_read_keys(struct conf_draft *draft, struct provider *provider)
{
	bool files = provider->key_file.n > 0;
	const struct conf_texts *texts = files ? &provider->key_file :
	    &provider->key_env;
	int line = provider->key_env.n ? provider->key_env.list[0].line : 0;

	if (files && line) {
		if (provider->key_file.list[0].line > line)
			line = provider->key_file.list[0].line;
		conf_complain(draft, line, "both key_file and key_env are "
		    "given; expected one of them");
		return;
	}
	for (size_t i = 0; i < texts->n; i++) {
		const struct conf_text *from = &texts->list[i];
		const char *key = files ?
		    read_key_file(draft, from->line, from->text) :
		    read_key_variable(draft, from->line, from->text);

		if (key)
			provider->keys[provider->n_keys++] = key;
	}
}
