/*
 * role_standin.c - what a worker is for a scheduler: a process that sleeps, ends, or does not want to.
 *
 * It writes what it was given into report/NAME, NAME being its SQUALL_WORKER.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <squall/plugin.h>

enum { HOW_SLEEP, HOW_EXIT, HOW_STUBBORN, HOW_FIRST };
static const char *const hows[] = {"sleep", "exit", "stubborn", "first", NULL};

struct standin_conf {
	int how;
	const char *report;
};

static const struct sq_opt standin_opts[] = {
    SQ_ENUM(struct standin_conf, how, "sleep", hows,
            "exit: ends with status 7; stubborn: ignores SIGTERM; first: sleeps, and the first one exits."),
    SQ_STRING(struct standin_conf, report, "", "Folder to write to."), SQ_OPTS_END};

struct standin {
	const struct sq_host *host;
	const struct standin_conf *conf;
	struct sq_timer timer;
};

static void leave(struct sq_timer *t)
{
	struct standin *s = sq_container(t, struct standin, timer);

	s->host->stop(s->host->ctx, 7);
}

static void put_status(FILE *f)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];

	while (status && fgets(line, sizeof line, status))
		if (strncmp(line, "Sig", 3) == 0 || strncmp(line, "Cpus_allowed_list", 17) == 0)
			fprintf(f, "status %s", line);
	if (status)
		fclose(status);
}

static void put_files(FILE *f)
{
	char path[300], to[256];
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;

	while (dir && (e = readdir(dir)) != NULL) {
		ssize_t n;

		snprintf(path, sizeof path, "/proc/self/fd/%s", e->d_name);
		n = readlink(path, to, sizeof to - 1);
		if (n > 0)
			fprintf(f, "fd %s %.*s\n", e->d_name, (int)n, to);
	}
	if (dir)
		closedir(dir);
}

/* Whole or not at all: the test reads it as soon as it is there. */
static void report(const struct standin *s, const char *name)
{
	char path[512], done[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/.%s", s->conf->report, name);
	snprintf(done, sizeof done, "%s/%s", s->conf->report, name);
	f = fopen(path, "we");
	if (!f)
		return;
	fprintf(f, "pid %d\nparent %d\ngroup %d\n", (int)getpid(), (int)getppid(), (int)getpgrp());
	for (char **e = environ; *e; e++)
		fprintf(f, "env %s\n", *e);
	put_status(f);
	put_files(f);
	fclose(f);
	rename(path, done);
}

static int standin_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	struct standin *s = calloc(1, sizeof *s);

	if (!s)
		return sq_fail(err, -ENOMEM, "no memory");
	s->host = host;
	s->conf = conf;
	s->timer.fire = leave;
	*ret_self = s;
	return 0;
}

static int standin_start(void *self, struct sq_err *err)
{
	struct standin *s = self;
	const char *name = getenv("SQUALL_WORKER");

	if (!name)
		return sq_fail(err, -EINVAL, "SQUALL_WORKER is not set");
	if (s->conf->how == HOW_STUBBORN)
		signal(SIGTERM, SIG_IGN);
	if (*s->conf->report)
		report(s, name);
	if (s->conf->how == HOW_EXIT || (s->conf->how == HOW_FIRST && strcmp(strrchr(name, '-'), "-1") == 0))
		s->host->timer_start(s->host->ctx, &s->timer, 50 * SQ_MS);
	return 0;
}

static void standin_drain(void *self, struct sq_op *op)
{
	struct standin *s = self;

	s->host->op_done(s->host->ctx, op, 0);
}

static void standin_destroy(void *self)
{
	struct standin *s = self;

	s->host->timer_stop(s->host->ctx, &s->timer);
	free(s);
}

static const struct sq_role standin_role = {.size = sizeof(struct sq_role)};

SQ_PLUGIN(role, SQ_ROLE, standin, .version = "test", .summary = "Stands in for a worker",
          .opts = standin_opts, .conf_size = sizeof(struct standin_conf), .create = standin_create,
          .start = standin_start, .drain = standin_drain, .destroy = standin_destroy,
          .vt.role = &standin_role);
