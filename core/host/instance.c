/* instance.c - the life of one plugin instance. */
#include "instance.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "instance_table.h"
#include "loader.h"
#include "log.h"
#include "own_url.h"

static void linger_over(struct sq_timer *t)
{
	struct instance *i = sq_container(t, struct instance, linger);

	log_event(i->name, SQ_L_WARN, NULL,
	          "some clients did not finish in time: their connections are closed");
	i->server_empty = true;
	i->process->step(i->process);
}

void instance_init(struct instance *i, struct process *p, const struct conf_plugin *conf)
{
	*i = (struct instance){.process = p, .conf = conf};
	if (conf->kind == SQ_ROLE) {
		const struct sq_role *role = conf->desc->vt.role;

		snprintf(i->name, sizeof i->name, "%s", conf->name);
		memcpy(&i->role, role, role->size < sizeof i->role ? role->size : sizeof i->role);
	} else {
		snprintf(i->name, sizeof i->name, "%s/%s", loader_kind_word(conf->kind), conf->name);
	}
	i->work = (struct op_carrier){.who = i->name, .self = p->pool, .cancel = pool_cancel};
	i->life = (struct op_carrier){.who = i->name};
	i->linger.fire = linger_over;
	instance_table_init(i);
}

int instance_listen(struct instance *i, struct http_site first, struct sq_err *err)
{
	const struct http_site sites[] = {first, {.routes = i->role.routes}, {.routes = NULL}};
	int r;

	if (!i->role.routes)
		return 0;
	r = http_server_open(
	    &(struct http_server_opts){
	        .loop = i->process->loop->ev, .conf = i->conf->listener, .sites = sites, .what = i->name},
	    &i->server, err);
	if (r == 0)
		own_url(http_server_url(i->server), i->url);
	return r;
}

/* Makes the instance known to, or forgotten by, those that are created after it. */
static void announce(struct instance *i, struct instance *as)
{
	struct process *p = i->process;

	switch (i->conf->kind) {
	case SQ_STORE:
		p->store = as;
		break;
	case SQ_TRANSPORT:
		p->transport = as;
		break;
	case SQ_SCHEDULER:
		p->scheduler = as;
		break;
	case SQ_ROLE:
		if (i->role.deliver)
			p->taker = as;
		if (i->role.job_changed)
			p->job_taker = as;
	}
}

int instance_create(struct instance *i, struct sq_err *err)
{
	int r;

	if (i->conf->kind == SQ_ROLE)
		instance_table_link(i);
	r = i->conf->desc->create(&i->table, i->conf->values, &i->self, err);
	if (r < 0)
		return r;
	i->stage = INST_CREATED;
	announce(i, i);
	if (i->server)
		http_server_set_self(i->server, 1, i->self);
	return 0;
}

int instance_start(struct instance *i, struct sq_err *err)
{
	int r = i->conf->desc->start(i->self, err);

	if (r < 0)
		return r;
	i->stage = INST_STARTED;
	return 0;
}

void instance_serve(struct instance *i)
{
	if (!i->server)
		return;
	http_server_serve(i->server);
	log_event(i->name, SQ_L_INFO, NULL, "listening on %s", http_server_url(i->server));
}

static void server_emptied(void *arg)
{
	struct instance *i = arg;

	i->server_empty = true;
	i->process->step(i->process);
}

static bool serves_drain(const struct instance *i)
{
	return i->role.needs & SQ_NEEDS_LISTENER;
}

static void drain_done(struct sq_op *op, int status)
{
	struct instance *i = sq_container(op, struct instance, drain);

	(void)status;
	i->drain_ended = true;
	if (!i->server_empty && serves_drain(i))
		http_server_drain(i->server, server_emptied, i);
	i->process->step(i->process);
}

void instance_drain(struct instance *i)
{
	bool serves = i->server && i->stage == INST_STARTED;

	assert(i->stage == INST_CREATED || i->stage == INST_STARTED);
	i->stage = INST_DRAINING;
	if (i->role.deliver && i->transport.ops)
		i->table.transport->credit(i->table.transport_self, 0);
	i->server_empty = !serves;
	if (serves && !serves_drain(i))
		http_server_drain(i->server, server_emptied, i);
	i->drain.done = drain_done;
	op_begin(i->process->ops, &i->drain, &i->life, "drain");
	i->conf->desc->drain(i->self, &i->drain);
	op_end(i->process->ops, &i->drain, 0);
}

bool instance_drained(struct instance *i, int64_t linger)
{
	struct loop *loop = i->process->loop;

	if (i->stage == INST_DRAINED)
		return true;
	if (!i->drain_ended)
		return false;
	if (!i->server_empty) {
		if (!i->lingering)
			loop_timer_start(loop, &i->linger, linger);
		i->lingering = true;
		return false;
	}
	loop_timer_stop(loop, &i->linger);
	instance_close(i);
	if (!instance_quiet(i))
		return false;
	i->stage = INST_DRAINED;
	return true;
}

bool instance_quiet(const struct instance *i)
{
	return i->work.open + i->store.carrier.open + i->transport.carrier.open + i->scheduler.carrier.open ==
	       0;
}

void instance_destroy(struct instance *i)
{
	announce(i, NULL);
	i->in_destroy = true;
	i->conf->desc->destroy(i->self);
	i->stage = INST_NEW;
}

void instance_close(struct instance *i)
{
	if (!i->server)
		return;
	http_server_close(i->server);
	i->server = NULL;
}
