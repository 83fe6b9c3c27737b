/*
 * conf.h - one .conf file, read and checked against the tables of the host and of the plugins it
 * names. Everything wrong with it is reported at once, with file and line.
 */
#ifndef HOST_CONF_H
#define HOST_CONF_H

#include <stdbool.h>
#include <stdio.h>

#include <squall/plugin.h>

/* Options at the top of the file. */
struct conf_core {
	const char *state_dir; /* "" = none */
	const char *plugin_dir; /* folders separated by ':' */
	const char *admin_listen; /* "" = /metrics stands on every listener */
	int64_t grace; /* ns: longest orderly stop */
	int log_level; /* enum sq_level */
	int log_format; /* 0 logfmt, 1 json */
};
extern const struct sq_opt conf_core_opts[];

/* Options that the host adds to the group of each role with routes. */
struct conf_listener {
	const char *listen; /* "127.0.0.1:8080", "[::1]:8080", "unix:/path"; port 0 = any free one */
	const char *advertise; /* URL told to others; "" = as bound */
	int64_t max_header, max_body, max_bodies; /* bytes */
	int64_t header_timeout, body_timeout, idle_timeout, write_timeout; /* ns */
	int64_t max_connections;
	int64_t stream_buffer; /* bytes */
	bool reuse_port;
};
extern const struct sq_opt conf_listener_opts[];

/* Where a listener binds. */
struct conf_address {
	char host[256]; /* without the brackets of an IPv6 address; "" for a Unix socket */
	uint16_t port;
	const char *path; /* of a Unix socket, points into the text; else NULL */
};
/* 0, or -EINVAL or -ERANGE with "port is outside 1 .. 65535" and the like in err. */
int conf_address_parse(const char *text, struct conf_address *ret, struct sq_err *err);

/* One plugin that the file names. */
struct conf_plugin {
	enum sq_kind kind;
	const char *name;
	const char *group; /* "store", "transport", "scheduler", "roles[0]": for messages */
	const struct sq_plugin *desc;
	void *values; /* the filled configuration structure */
	struct conf_listener *listener; /* roles with routes, else NULL */
};

struct conf {
	struct conf_core core;
	struct conf_plugin *plugins; /* in order of life: store, transport, scheduler, roles as written */
	unsigned count;
	void *priv;
};

/*
 * Reads path, opens the plugins it names, fills and checks everything, environment included
 * (getenv). plugin_dir: overrides the file's, or NULL. Problems go to report, one line each, then
 * "FILE: N errors, nothing started"; warnings too. 0, or -EINVAL after at least one problem.
 *
 * Secrets are not resolved: until conf_resolve, right before the start, an option of that type
 * holds "env:NAME" or "file:/path", also for the plugin's check(), and with SQ_F_REREAD for ever; a
 * variable that overrides one counts as env:NAME. What is resolved may be resolved again.
 */
int conf_read(const char *path, const char *plugin_dir, struct conf **ret, FILE *report);
int conf_resolve(struct conf *c, FILE *report);
void conf_free(struct conf *c);

/* squalld --effective: every option with its value and where it came from; secrets masked. */
void conf_print_effective(const struct conf *c, FILE *out);

/* squalld --describe. */
enum conf_doc { CONF_DOC_TEXT, CONF_DOC_MARKDOWN, CONF_DOC_SAMPLE, CONF_DOC_MAN };

/*
 * The options, routes and variables of one plugin ("target", "store/local"), or everything: the
 * host's own options, the listener's, and every installed plugin (which = NULL). A sample is a
 * whole .conf in any case. plugin_dir: NULL = what the environment or the build says. 0, or
 * -ENOENT (no such plugin) or loader_open's error, the reason on report and nothing in out.
 */
int conf_describe(const char *plugin_dir, const char *which, enum conf_doc format, FILE *out, FILE *report);

#endif
