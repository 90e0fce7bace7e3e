/* doctor_here.c: the local side: configuration, store, disk and clock. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "admin/doctor.h"
#include "base/clock.h"
#include "db/gate.h"
#include "db/health.h"
#include "db/place.h"
#include "db/space.h"

enum { SET_BACK_S = 60 };

/* 2026-01-01: no clock was right before that. */
static const int64_t earliest_ms = INT64_C(1767225600000);

static void
say_problems(struct doctor *d, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		doctor_say(d, FINDING_PROBLEM, "configuration", "%.*s",
		    (int)len, text);
		text += len + (text[len] == '\n');
	}
}

/* conf_load() itself sees to the files with keys. */
static void
look_at_mode(struct doctor *d, const char *file)
{
	struct stat status;

	if (stat(file, &status) == 0 && status.st_mode & 022)
		doctor_say(d, FINDING_PROBLEM, "configuration", "others may "
		    "write %s; type: chmod go-w %s", file, file);
}

/* The configuration, or NULL when there is none that is right. */
static struct conf *
look_at_conf(struct doctor *d)
{
	const char *file = conf_path(d->s->args->value[FLAG_CONFIG]);
	struct conf_problems problems = { 0 };
	struct conf *conf;

	if (access(file, R_OK) != 0) {
		doctor_say(d, FINDING_PROBLEM, "configuration",
		    "%s cannot be read (%s); begin with: %s config sample",
		    file, strerror(errno), d->s->args->program);
		return NULL;
	}
	look_at_mode(d, file);
	conf = conf_load(file, &problems);
	if (!conf && problems.text)
		say_problems(d, problems.text);
	free(problems.text);
	if (!conf)
		return NULL;
	doctor_say(d, FINDING_GOOD, "configuration",
	    "%s is right: %zu providers, %zu models", file,
	    conf->n_providers, conf->n_models);
	return conf;
}

static void
look_at_space(struct doctor *d, const struct conf *conf)
{
	int64_t free_bytes = space_free(conf->store);
	const char *state = "is free on the store's disk";

	if (free_bytes < 0)
		return;
	if (free_bytes < conf->free_bytes_min)
		doctor_say(d, FINDING_PROBLEM, "space", "%" PRId64 " MB %s, "
		    "and requests are refused below free_bytes_min; make room "
		    "on it", free_bytes >> 20, state);
	else if (free_bytes / 4 < conf->free_bytes_min)
		doctor_say(d, FINDING_NOTE, "space", "only %" PRId64 " MB %s; "
		    "requests are refused below free_bytes_min, which is %"
		    PRId64 " MB", free_bytes >> 20, state,
		    conf->free_bytes_min >> 20);
	else
		doctor_say(d, FINDING_GOOD, "space", "%" PRId64 " MB %s",
		    free_bytes >> 20, state);
}

/* When the newest of the store's files was changed; 0 for none. */
static int64_t
newest_s(const char *dir)
{
	DIR *listing = opendir(dir);
	const struct dirent *entry;
	struct stat status;
	int64_t newest = 0;

	while (listing && (entry = readdir(listing)) != NULL)
		if (fstatat(dirfd(listing), entry->d_name, &status, 0) == 0 &&
		    status.st_mtime > newest)
			newest = status.st_mtime;
	if (listing)
		closedir(listing);
	return newest;
}

/* Keys expire, and requests are counted, by the clock. */
static void
look_at_clock(struct doctor *d, const char *dir)
{
	struct timex state = { .modes = 0 };
	char text[CLOCK_TEXT_SIZE];
	int64_t now_ms = clock_wall_ms();
	int64_t ahead_s = dir ? newest_s(dir) - now_ms / 1000 : 0;

	clock_format(now_ms, text);
	if (now_ms < earliest_ms)
		doctor_say(d, FINDING_PROBLEM, "clock",
		    "it says %s; type: timedatectl set-ntp true", text);
	else if (ahead_s > SET_BACK_S)
		doctor_say(d, FINDING_PROBLEM, "clock", "it says %s, but the "
		    "store was changed %" PRId64 " s after that; set it, with: "
		    "timedatectl set-ntp true", text, ahead_s);
	else if (adjtimex(&state) == TIME_ERROR)
		doctor_say(d, FINDING_NOTE, "clock", "it says %s, and nothing "
		    "keeps it right, unless the host of this machine does; "
		    "type: timedatectl set-ntp true", text);
	else
		doctor_say(d, FINDING_GOOD, "clock", "%s, and kept right",
		    text);
}

static void
look_at_gate(struct doctor *d, const char *dir)
{
	char why[STORE_WHY_SIZE] = "";
	struct gate *gate = gate_open(dir, NULL, NULL, why);

	if (gate && gate_flush_failed(gate))
		doctor_say(d, FINDING_PROBLEM, "store", "a flush to disk has "
		    "failed, so requests are refused; look at the disk, then "
		    "type: %s store check", d->s->args->program);
	gate_close(gate);
}

static void
say_provider(struct doctor *d, const struct provider *provider,
    const struct health_view *view)
{
	const char *program = d->s->args->program;

	if (view->pin == HEALTH_KEPT_OPEN)
		doctor_say(d, FINDING_NOTE, "provider", "%s is not asked, as "
		    "was decided by hand; when it may be, type: %s provider "
		    "reset %s", provider->name, program, provider->name);
	else if (view->open)
		doctor_say(d, FINDING_PROBLEM, "provider", "%s failed too "
		    "often and is not asked (%s); what it is like now, tells: "
		    "%s provider list", provider->name, view->why, program);
	else if (view->keys_aside > 0 && provider->n_keys > 0)
		doctor_say(d, FINDING_PROBLEM, "provider", "%s refused %d of "
		    "%zu keys (%s); look at its account there, then type: %s "
		    "provider reset %s", provider->name,
		    (int)view->keys_aside, provider->n_keys, view->why,
		    program, provider->name);
}

/* What the gateway has learnt about the providers. */
static void
look_at_providers(struct doctor *d, const struct conf *conf)
{
	struct health *health = health_open(conf->store);
	struct health_view view;

	for (size_t i = 0; health && i < conf->n_providers; i++) {
		struct health_rule rule = health_rule_of(&conf->providers[i]);

		if (health_show(health, &rule, &view))
			say_provider(d, &conf->providers[i], &view);
	}
	health_close(health);
}

/* As its owner, whom the gateway runs as. */
static void
open_store(struct doctor *d, const struct conf *conf)
{
	struct store_options options = { .dir = conf->store, .flush = true };
	char why[STORE_WHY_SIZE] = "";
	struct store *store;

	if (!place_is_fit(conf->store, why)) {
		doctor_say(d, FINDING_PROBLEM, "store", "%s", why);
		return;
	}
	if (store_open(&store, &options, why) != STORE_OK) {
		doctor_say(d, FINDING_PROBLEM, "store", "%s cannot be opened: "
		    "%s", conf->store, why);
		return;
	}
	store_close(store);
	doctor_say(d, FINDING_GOOD, "store", "%s can be opened, and belongs "
	    "to this user alone", conf->store);
	look_at_gate(d, conf->store);
	look_at_providers(d, conf);
}

static void
look_at_store(struct doctor *d, const struct conf *conf)
{
	const struct passwd *owner;
	struct stat status;

	if (stat(conf->store, &status) != 0)
		doctor_say(d, FINDING_PROBLEM, "store", "%s cannot be looked "
		    "at (%s)%s%s%s", conf->store, strerror(errno),
		    errno == ENOENT ? "; as the user that the gateway runs "
		    "as, type: " : "",
		    errno == ENOENT ? d->s->args->program : "",
		    errno == ENOENT ? " store init" : "");
	else if (status.st_uid == geteuid())
		open_store(d, conf);
	else if ((owner = getpwuid(status.st_uid)) != NULL)
		doctor_say(d, FINDING_NOTE, "store", "%s belongs to %s, and "
		    "was not looked at; type: sudo -u %s %s doctor",
		    conf->store, owner->pw_name, owner->pw_name,
		    d->s->args->program);
	else
		doctor_say(d, FINDING_PROBLEM, "store", "%s belongs to user "
		    "%lu, whom nobody knows", conf->store,
		    (unsigned long)status.st_uid);
}

static bool
has_slash(const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_models; i++)
		if (strchr(conf->models[i].id, '/'))
			return true;
	return false;
}

void
doctor_look_here(struct doctor *d)
{
	struct conf *conf = look_at_conf(d);

	if (conf) {
		d->no_slashes = !has_slash(conf);
		look_at_store(d, conf);
		look_at_space(d, conf);
	}
	look_at_clock(d, conf ? conf->store : NULL);
	conf_free(conf);
}
