/*
 * daemon.h - a private standalone squalld for one run: the same path end to end as with a gateway.
 *
 * It has a folder of its own under $TMPDIR, listens on free ports of 127.0.0.1, and may load exactly the
 * origin it is started for. It holds the reading end of a pipe whose writing end is ours alone: when we
 * are gone, however that came, it stops. When nobody is left to remove its folder, the next run does.
 */
#ifndef CLI_DAEMON_H
#define CLI_DAEMON_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include <squall/util.h>

#include "core/base/buf.h"

struct json_object;

struct daemon {
	pid_t pid; /* 0: none */
	int lifeline;
	char folder[PATH_MAX]; /* "": none */
	char url[128]; /* of its gateway */
};

/* allowed: a list of what it may load beside the origin of target_url (allowed_targets); NULL for nothing.
 * Returns once its gateway listens. 0, or a negative errno with the reason, and nothing is left then. */
int daemon_start(struct daemon *d, const char *target_url, struct json_object *allowed, struct sq_err *err);
/* Whether it lives; says why not. d is a struct daemon. */
bool daemon_alive(void *d);
void daemon_stop(struct daemon *d); /* waits for its end; harmless on a zeroed one */

/* daemon_sweep.c */
#define DAEMON_FOLDER "squall-run-" /* what the names of folders begin with */
#define DAEMON_LOG "log" /* in the folder */
void daemon_remove(const char *folder); /* and all that is in it */
int daemon_open_log(const char *folder); /* locked, to be inherited by the daemon; or negative, with errno */
void daemon_sweep(const char *tmp); /* removes what those have left that were killed */

/* The two .conf files (daemon_conf.c): its own, and that of its workers. plugins: NULL = built in. */
void daemon_conf(const char *folder, const char *plugins, const char *target_url, struct json_object *allowed,
                 struct buf *out);
void daemon_worker_conf(const char *plugins, struct buf *out);

#endif
