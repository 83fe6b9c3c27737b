/* probe.c - tries what the .conf names, without starting anything. */
#include "probe.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/text.h"

#include "host.h"
#include "instance.h"
#include "log.h"
#include "metrics.h"

#define PATIENCE (15 * SQ_S) /* for one plugin; its own time limits are shorter */

struct probing {
	const struct conf *conf;
	FILE *out;
	struct process process;
	struct loop loop;
	struct ops ops;
	struct pool pool;
	struct instance *instances;
	unsigned created; /* of them, from the first */
	struct op_carrier carrier;
	struct sq_op op; /* the probe under way */
	struct sq_err err;
	int status;
	bool over, failed, hung;
	struct sq_timer patience;
};

/* --- one line -------------------------------------------------------------------------------- */

static void print_line(struct probing *p, const char *name, int status, int64_t took, const char *words)
{
	char time[TEXT_MAX];

	fprintf(p->out, "%-18s %-6s %9s%s%s\n", name, status < 0 ? "FAILED" : "ok", text_duration(time, took),
	        *words ? "  " : "", words);
	fflush(p->out);
	p->failed |= status < 0;
}

/* Not by making it: nothing is changed. */
static void probe_state_dir(struct probing *p)
{
	const char *dir = p->conf->core.state_dir;
	int64_t began = loop_now();
	struct sq_err err = {.text = ""};
	int r = 0;

	if (!*dir)
		return;
	if (access(dir, F_OK) < 0)
		sq_fail(&err, 0, "%s is made at the start", dir);
	else if (access(dir, R_OK | W_OK | X_OK) < 0)
		r = sq_fail(&err, -errno, "%s cannot be written (%s): check its owner", dir, strerror(errno));
	print_line(p, "state_dir", r, loop_now() - began, err.text);
}

/* --- one plugin ------------------------------------------------------------------------------ */

static void ended(struct sq_op *op, int status)
{
	struct probing *p = sq_container(op, struct probing, op);

	p->over = true;
	p->status = status;
	loop_break(&p->loop);
}

static void out_of_patience(struct sq_timer *t)
{
	struct probing *p = sq_container(t, struct probing, patience);

	p->hung = true;
	loop_break(&p->loop);
}

static void stop_asked(struct process *process, int code)
{
	(void)process;
	(void)code;
}

static void changed(struct process *process)
{
	(void)process;
}

/* An instance that drains may be further. */
static void step(struct process *process)
{
	loop_break(process->loop);
}

/* Until the probe has ended, or nobody waits for it any more. */
static void await(struct probing *p)
{
	loop_timer_start(&p->loop, &p->patience, PATIENCE);
	while (!p->over && !p->hung)
		loop_run(&p->loop);
	loop_timer_stop(&p->loop, &p->patience);
}

static void probe(struct probing *p, struct instance *i)
{
	const struct sq_plugin *desc = i->conf->desc;
	int64_t began = loop_now();

	if (!desc->probe)
		return;
	p->op = (struct sq_op){.done = ended};
	p->err = (struct sq_err){.text = ""};
	p->over = false;
	p->carrier = (struct op_carrier){.who = i->name, .self = i->self};
	op_begin(&p->ops, &p->op, &p->carrier, "probe");
	desc->probe(i->self, &p->op, &p->err);
	op_end(&p->ops, &p->op, 0);
	await(p);
	if (p->hung)
		print_line(p, i->name, -ETIMEDOUT, loop_now() - began, "no answer: the plugin hangs");
	else
		print_line(p, i->name, p->status, loop_now() - began,
		           *p->err.text || p->status >= 0 ? p->err.text : strerror(-p->status));
}

static void probe_all(struct probing *p)
{
	for (unsigned n = 0; n < p->conf->count && !p->hung; n++) {
		struct instance *i = &p->instances[n];
		int64_t began = loop_now();

		p->err = (struct sq_err){.text = ""};
		if (instance_create(i, &p->err) < 0) {
			print_line(p, i->name, -EIO, loop_now() - began, p->err.text);
			break; /* what comes after may need it */
		}
		p->created++;
		probe(p, i);
	}
}

/* --- the whole ------------------------------------------------------------------------------- */

static void take_down(struct probing *p)
{
	for (unsigned n = p->created; n > 0 && !p->hung; n--) {
		struct instance *i = &p->instances[n - 1];

		instance_drain(i);
		loop_timer_start(&p->loop, &p->patience, PATIENCE);
		while (!instance_drained(i, 0) && !p->hung)
			loop_run(&p->loop);
		loop_timer_stop(&p->loop, &p->patience);
	}
	for (; p->created > 0 && !p->hung; p->created--)
		instance_destroy(&p->instances[p->created - 1]);
}

static struct probing *probing_new(const struct conf *conf, FILE *out)
{
	struct probing *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->conf = conf;
	p->out = out;
	p->patience.fire = out_of_patience;
	p->instances = calloc(conf->count ? conf->count : 1, sizeof *p->instances);
	if (!p->instances || loop_init(&p->loop) < 0) {
		free(p->instances);
		free(p);
		return NULL;
	}
	ops_init(&p->ops, &p->loop);
	pool_init(&p->pool, &p->ops);
	p->process = (struct process){.loop = &p->loop,
	                              .ops = &p->ops,
	                              .pool = &p->pool,
	                              .state_dir = *conf->core.state_dir ? conf->core.state_dir : NULL,
	                              .name = "probe",
	                              .stop = stop_asked,
	                              .ready_changed = changed,
	                              .step = step};
	for (unsigned n = 0; n < conf->count; n++)
		instance_init(&p->instances[n], &p->process, &conf->plugins[n]);
	return p;
}

static void probing_free(struct probing *p)
{
	pool_fini(&p->pool);
	ops_fini(&p->ops);
	loop_fini(&p->loop);
	metrics_free();
	free(p->instances);
	free(p);
}

int host_probe(const struct conf *conf, FILE *out)
{
	struct probing *p;
	bool failed;

	log_setup(SQ_L_ERROR, conf->core.log_format);
	signal(SIGPIPE, SIG_IGN);
	p = probing_new(conf, out);
	if (!p) {
		log_event("host", SQ_L_ERROR, NULL, "not enough memory");
		return EXIT_START;
	}
	probe_state_dir(p);
	probe_all(p);
	take_down(p);
	failed = p->failed;
	if (p->hung)
		return EXIT_GRACE;
	probing_free(p);
	return failed ? EXIT_START : 0;
}
