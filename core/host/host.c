/* host.c - brings the instances up, keeps them running, takes them down. */
#include "host.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include <squall/record.h>

#include "core/base/text.h"

#include "admin.h"
#include "instance.h"
#include "log.h"
#include "metrics.h"
#include "state_dir.h"

#define HOST_MAGIC 0x74736f68u
#define DEAF (SQ_S / 2) /* timeout(1) signals its child and then the group: one wish, two signals */

struct host {
	uint32_t magic;
	const struct conf *conf;
	struct process process;
	struct loop loop;
	struct ops ops;
	struct pool pool;
	struct admin admin;
	struct instance *instances; /* one for each of conf->plugins */
	unsigned created; /* of them, from the first */
	unsigned undrained; /* of the created, from the first */
	char name[SQ_ID_MAX + 1];
	ev_signal terminate, interrupt;
	ev_io lifeline;
	struct sq_timer grace, deaf; /* deaf: to further signals */
	int64_t grace_end;
	struct sq_post step;
	int code;
	bool code_given, stopping, signalled, hung, was_ready;
};

static struct host *host_of(struct process *p)
{
	struct host *h = sq_container(p, struct host, process);

	assert(h->magic == HOST_MAGIC);
	return h;
}

/* --- going down ------------------------------------------------------------------------------ */

static void report_op(void *arg, const char *who, const char *what, unsigned count)
{
	char number[16];

	(void)arg;
	snprintf(number, sizeof number, "%u", count);
	log_event("host", SQ_L_ERROR, SQ_KV({"who", who}, {"what", what}, {"count", number}),
	          "has not ended");
}

static void grace_over(struct sq_timer *t)
{
	struct host *h = sq_container(t, struct host, grace);
	char grace[TEXT_MAX];

	ops_each(&h->ops, report_op, NULL);
	for (unsigned n = 0; n < h->created; n++)
		if (h->instances[n].stage == INST_DRAINING && !h->instances[n].server_empty)
			report_op(NULL, h->instances[n].name, "connections", 1);
	log_event("host", SQ_L_ERROR, NULL, "could not stop within %s (option grace): giving up",
	          text_duration(grace, h->conf->core.grace));
	h->hung = true;
	loop_break(&h->loop);
}

static bool all_quiet(const struct host *h)
{
	for (unsigned n = 0; n < h->created; n++)
		if (!instance_quiet(&h->instances[n]))
			return false;
	return true;
}

static void destroy_all(struct host *h)
{
	while (h->created > 0) {
		struct instance *i = &h->instances[--h->created];

		instance_destroy(i);
		log_event(i->name, SQ_L_DEBUG, NULL, "destroyed");
	}
}

/* Drains one instance after the other, and destroys them when all are drained. */
static void step(struct sq_post *p)
{
	struct host *h = sq_container(p, struct host, step);

	for (; h->undrained > 0; h->undrained--) {
		struct instance *i = &h->instances[h->undrained - 1];

		if (i->stage != INST_DRAINING) {
			log_event(i->name, SQ_L_DEBUG, NULL, "draining");
			instance_drain(i);
		}
		/* Clients may use up half of what is left; the rest is for those who hold data. */
		if (!instance_drained(i, (h->grace_end - loop_now()) / 2))
			return;
		log_event(i->name, SQ_L_DEBUG, NULL, "drained");
	}
	if (!all_quiet(h))
		return;
	destroy_all(h);
	loop_break(&h->loop);
}

static void want_step(struct process *p)
{
	struct host *h = host_of(p);

	if (h->stopping)
		loop_later(&h->loop, &h->step);
}

static void emptied(struct ops *o)
{
	want_step(&sq_container(o, struct host, ops)->process);
}

static void begin_stop(struct host *h, const char *why)
{
	if (h->stopping)
		return;
	log_event("host", SQ_L_INFO, NULL, "stopping: %s", why);
	h->stopping = h->admin.stopping = true;
	h->ops.emptied = emptied;
	h->grace_end = loop_now() + h->conf->core.grace;
	loop_timer_start(&h->loop, &h->grace, h->conf->core.grace);
	loop_later(&h->loop, &h->step);
}

static void stop_with(struct host *h, int code, const char *why)
{
	if (!h->code_given)
		h->code = code;
	h->code_given = true;
	begin_stop(h, why);
}

static void stop_asked(struct process *p, int code)
{
	stop_with(host_of(p), code, "asked to by a plugin");
}

/* The code of a stop by signal is 0, unless a role has another opinion while it drains. */
static void on_signal(struct ev_loop *ev, ev_signal *w, int events)
{
	struct host *h = w->data;

	(void)ev;
	(void)events;
	if (h->signalled)
		return;
	h->signalled = true;
	loop_timer_start(&h->loop, &h->deaf, DEAF);
	begin_stop(h, w->signum == SIGTERM ? "SIGTERM" : "SIGINT");
}

/* From here on a signal has its default action. */
static void deaf_over(struct sq_timer *t)
{
	struct host *h = sq_container(t, struct host, deaf);

	ev_signal_stop(h->loop.ev, &h->terminate);
	ev_signal_stop(h->loop.ev, &h->interrupt);
}

static void on_lifeline(struct ev_loop *ev, ev_io *w, int events)
{
	struct host *h = w->data;
	char ignored[64];
	ssize_t n = read(w->fd, ignored, sizeof ignored);

	(void)events;
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	ev_io_stop(ev, w);
	begin_stop(h, "the life-line has ended");
}

/* --- coming up ------------------------------------------------------------------------------- */

static void role_names(const struct host *h, char *out, size_t size)
{
	size_t len = 0;

	*out = '\0';
	for (unsigned n = 0; n < h->conf->count && len < size; n++)
		if (h->conf->plugins[n].kind == SQ_ROLE)
			len += (size_t)snprintf(out + len, size - len, "%s%s", len ? "," : "",
			                        h->conf->plugins[n].name);
}

static void ready_changed(struct process *p)
{
	struct host *h = host_of(p);
	const struct instance *unready = admin_unready(&h->admin);
	char roles[256];

	if (!h->admin.up || h->stopping)
		return;
	if (unready) {
		if (h->was_ready)
			log_event(unready->name, SQ_L_WARN, NULL, "not ready: %s", unready->why);
	} else if (!h->was_ready) {
		role_names(h, roles, sizeof roles);
		log_event("host", SQ_L_INFO, NULL, "ready roles=%s", roles);
	}
	h->was_ready = !unready;
}

static int bind_all(struct host *h, struct sq_err *err)
{
	int r = admin_listen(&h->admin, h->conf->core.admin_listen, err);

	for (unsigned n = 0; r == 0 && n < h->conf->count; n++)
		r = instance_listen(&h->instances[n], admin_site(&h->admin), err);
	return r;
}

static int start_one(struct host *h, struct instance *i, struct sq_err *err)
{
	int r = instance_create(i, err);

	if (r < 0)
		return r;
	h->created++;
	h->undrained++;
	log_event(i->name, SQ_L_DEBUG, NULL, "created");
	r = instance_start(i, err);
	if (r < 0)
		return r;
	log_event(i->name, SQ_L_DEBUG, NULL, "started");
	instance_serve(i);
	return 0;
}

static void start_all(struct host *h)
{
	struct sq_err err = {0};

	if (bind_all(h, &err) < 0) {
		log_event("host", SQ_L_ERROR, NULL, "%s", err.text);
		stop_with(h, EXIT_START, "a listener could not be opened");
		return;
	}
	admin_serve(&h->admin);
	for (unsigned n = 0; n < h->conf->count && !h->stopping; n++) {
		if (start_one(h, &h->instances[n], &err) < 0) {
			log_event(h->instances[n].name, SQ_L_ERROR, NULL, "could not start: %s", err.text);
			stop_with(h, EXIT_START, "a plugin could not start");
		}
	}
	h->admin.up = !h->stopping;
	ready_changed(&h->process);
}

/* --- the process ----------------------------------------------------------------------------- */

/* HOST-PID-RANDOM in the characters of a store name. */
static void name_process(char out[SQ_ID_MAX + 1])
{
	char node[41] = "";
	uint32_t salt = 0;

	gethostname(node, sizeof node - 1);
	for (char *c = node; *c; c++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-", *c))
			*c = '-';
	if (getrandom(&salt, sizeof salt, 0) != sizeof salt)
		salt = (uint32_t)loop_now();
	snprintf(out, SQ_ID_MAX + 1, "%s-%d-%08x", *node ? node : "host", (int)getpid(), salt);
}

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_event("host", SQ_L_WARN, NULL, "the limit of open files could not be raised: %s",
		          strerror(errno));
}

static void watch_signals(struct host *h)
{
	signal(SIGPIPE, SIG_IGN);
	ev_signal_init(&h->terminate, on_signal, SIGTERM);
	ev_signal_init(&h->interrupt, on_signal, SIGINT);
	h->terminate.data = h->interrupt.data = h;
	ev_signal_start(h->loop.ev, &h->terminate);
	ev_signal_start(h->loop.ev, &h->interrupt);
}

static void watch_lifeline(struct host *h, int fd)
{
	ev_io_init(&h->lifeline, on_lifeline, fd, EV_READ);
	h->lifeline.data = h;
	if (fd < 0)
		return;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	ev_io_start(h->loop.ev, &h->lifeline);
}

static void init_process(struct host *h)
{
	const char *dir = h->conf->core.state_dir;

	name_process(h->name);
	h->process = (struct process){.loop = &h->loop,
	                              .ops = &h->ops,
	                              .pool = &h->pool,
	                              .state_dir = *dir ? dir : NULL,
	                              .name = h->name,
	                              .stop = stop_asked,
	                              .ready_changed = ready_changed,
	                              .step = want_step};
	for (unsigned n = 0; n < h->conf->count; n++)
		instance_init(&h->instances[n], &h->process, &h->conf->plugins[n]);
}

static struct host *host_new(const struct conf *conf)
{
	struct host *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->magic = HOST_MAGIC;
	h->conf = conf;
	h->step.run = step;
	h->grace.fire = grace_over;
	h->deaf.fire = deaf_over;
	h->instances = calloc(conf->count ? conf->count : 1, sizeof *h->instances);
	if (!h->instances || loop_init(&h->loop) < 0) {
		free(h->instances);
		free(h);
		return NULL;
	}
	ops_init(&h->ops, &h->loop);
	pool_init(&h->pool, &h->ops);
	admin_init(&h->admin, &h->loop, h->instances, conf->count);
	init_process(h);
	return h;
}

/* Nothing is left to stop: the second signal of one wish, coming now, must not turn a good end into a
 * death by signal. Blocked before libev gives the default action back, so that no gap stays. */
static void hold_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void host_free(struct host *h)
{
	hold_signals();
	for (unsigned n = 0; n < h->conf->count; n++)
		instance_close(&h->instances[n]);
	admin_close(&h->admin);
	pool_fini(&h->pool);
	ops_fini(&h->ops);
	ev_signal_stop(h->loop.ev, &h->terminate);
	ev_signal_stop(h->loop.ev, &h->interrupt);
	ev_io_stop(h->loop.ev, &h->lifeline);
	loop_timer_stop(&h->loop, &h->grace);
	loop_timer_stop(&h->loop, &h->deaf);
	loop_fini(&h->loop);
	metrics_free();
	free(h->instances);
	free(h);
}

int host_run(const struct conf *conf, int lifeline)
{
	struct sq_err err = {0};
	struct host *h;
	int code;

	log_setup((enum sq_level)conf->core.log_level, conf->core.log_format);
	raise_file_limit();
	if (*conf->core.state_dir && state_dir_open(conf->core.state_dir, &err) < 0) {
		log_event("host", SQ_L_ERROR, NULL, "%s", err.text);
		return EXIT_START;
	}
	h = host_new(conf);
	if (!h) {
		log_event("host", SQ_L_ERROR, NULL, "not enough memory to start");
		return EXIT_START;
	}
	watch_signals(h);
	watch_lifeline(h, lifeline);
	start_all(h);
	loop_run(&h->loop);
	if (h->hung)
		return EXIT_GRACE;
	code = h->code;
	host_free(h);
	log_event("host", SQ_L_INFO, NULL, "stopped");
	return code;
}
