/*
 * role_contract_store.c - a role that puts the store of its process to the test and stops.
 *
 * The script's lines go to standard output as TAP; exit code 0 when all is well.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"
#include "store_script.h"

struct contract_conf {
	int phase;
	int64_t rounds;
	const char *key;
};

enum { PHASE_MAIN, PHASE_KEEP, PHASE_KEPT, PHASE_COMPETE, PHASE_RETENTION };
static const char *const phases[] = {"main", "keep", "kept", "compete", "retention", NULL};

static const struct sq_opt contract_opts[] = {
    SQ_ENUM(struct contract_conf, phase, "main", phases,
            "main: every promise of a store; keep, kept: what outlives a process; compete: two processes at"
            " one record; retention: a store that keeps ended records for 1 s."),
    SQ_INT(struct contract_conf, rounds, "100", 1, 100000, "How often compete writes."),
    SQ_STRING(struct contract_conf, key, "", "Prefix of all names, for phases that share records."),
    SQ_OPTS_END};

struct rig {
	const struct sq_host *host;
	const struct contract_conf *conf;
	struct script script;
	struct call *target; /* what the script wants to submit or cancel */
	unsigned open, ended;
	bool refused;
	char prefix[24], names[100][SQ_ID_MAX + 1];
	unsigned name_count;
};

/* --- on the loop --- */

static int submit(struct rig *g, struct call *c)
{
	const struct sq_store *s = g->host->store;
	void *self = g->host->store_self;

	switch (c->verb) {
	case INFO:
		return s->info(self, &c->info);
	case ADD:
		return s->add(self, &c->count);
	case READ:
		return s->read(self, &c->count);
	case RESET:
		return s->reset(self, &c->count);
	case GET:
		return s->get(self, &c->get);
	case PUT:
		return s->put(self, &c->put);
	case LIST:
		return s->list(self, &c->list);
	case DEL:
		return s->del(self, &c->del);
	case LEASE:
		return s->lease(self, &c->lease);
	case RELEASE:
		return s->release(self, &c->release);
	case APPEND:
		return s->append(self, &c->append);
	case MERGE:
		return s->merge(self, &c->merge);
	case RANGE:
		return s->range(self, &c->range);
	case PART_PUT:
		return s->part_put(self, &c->part_put);
	case PARTS:
		return s->parts(self, &c->parts);
	}
	return -ENOSYS;
}

static int loop_submit(void *arg)
{
	struct rig *g = arg;
	int r = submit(g, g->target);

	g->refused = r < 0;
	if (g->refused)
		g->target->status = r;
	else
		g->open++;
	return r;
}

static int loop_cancel(void *arg)
{
	struct rig *g = arg;

	g->host->cancel(g->host->ctx, &g->target->op);
	return 0;
}

static void ended(struct sq_op *op, int status)
{
	struct call *c = sq_container(op, struct call, op);
	struct rig *g = c->rig;

	if (script_calls(&g->script))
		ok(false, "done() does not run inside a submitting call");
	c->status = status;
	c->ended = ++g->ended;
	g->open--;
	script_event(&g->script);
}

/* --- the script's side --- */

int begin(struct rig *g, enum verb verb, struct call *c)
{
	memset(&c->op, 0, sizeof c->op);
	c->op.done = ended;
	c->rig = g;
	c->verb = verb;
	c->ended = 0;
	if ((verb == ADD || verb == READ || verb == RESET) && c->count.items == NULL) {
		c->count.items = &c->item;
		c->count.count = 1;
	}
	g->target = c;
	return script_do(&g->script, loop_submit, g);
}

static bool is_over(void *arg)
{
	return ((struct call *)arg)->ended > 0;
}

int call(struct rig *g, enum verb verb, struct call *c)
{
	if (begin(g, verb, c) == 0)
		script_wait(&g->script, is_over, c);
	return c->status;
}

void give_up(struct rig *g, struct call *c)
{
	g->target = c;
	script_do(&g->script, loop_cancel, g);
}

static bool none_open(void *arg)
{
	return ((struct rig *)arg)->open == 0;
}

void wait_all(struct rig *g)
{
	script_wait(&g->script, none_open, g);
}

void pause_ms(struct rig *g, int ms)
{
	script_pause(&g->script, ms);
}

bool was_refused(struct rig *g)
{
	return g->refused;
}

int64_t now_ns(struct rig *g)
{
	return g->host->now(g->host->ctx); /* the loop stands still meanwhile */
}

const char *name(struct rig *g, const char *suffix)
{
	char text[SQ_ID_MAX + 1];
	unsigned i;

	snprintf(text, sizeof text, "%s-%s", g->prefix, suffix);
	for (i = 0; i < g->name_count; i++)
		if (strcmp(g->names[i], text) == 0)
			return g->names[i];
	assert(i < SQ_LEN(g->names));
	g->name_count++;
	return strcpy(g->names[i], text);
}

/* --- phases --- */

static void run_steps(struct rig *g, const struct step *steps)
{
	for (; steps->what; steps++) {
		printf("# %s\n", steps->what);
		steps->run(g);
	}
}

/* What must be there in the next process, under the same key. */
static void phase_keep(struct rig *g)
{
	struct call c = {0};

	is_int(call(g, INFO, &c), 0, "info");
	printf("# id %s\n# clock %lld\n", c.info.id, (long long)c.info.now);
	is_int(put(g, &c, name(g, "r"), "kept", 0, 0), 0, "a record");
	is_int(lease(g, &c, name(g, "r"), "me", 3600 * SQ_S, 0), 0, "with a lease");
	is_int(append(g, &c, name(g, "r"), "log", 0, "entry"), 0, "a log");
	is_int(part_put(g, &c, name(g, "r"), "part", 7, "data"), 0, "and a part");
	is_int(count(g, ADD, &c, name(g, "n"), 5), 0, "and a counter");
	is_int(c.item.value, 5, "of 5");
	is_int(put(g, &c, name(g, "gone"), "x", 0, 0), 0, "a second record");
	is_int(end_record(g, name(g, "gone"), 1, 0), 0, "ends");
	c.del = (struct sq_store_delete){.id = name(g, "gone")};
	is_int(call(g, DEL, &c), 0, "and is deleted");
}

static void phase_kept(struct rig *g)
{
	struct call c = {0};

	is_int(call(g, INFO, &c), 0, "info");
	printf("# id %s\n# clock %lld\n", c.info.id, (long long)c.info.now);
	is_int(get(g, &c, name(g, "r")), 0, "the record is there");
	is_str(c.get.record.state, "kept", "in its state");
	is_int(c.get.record.fence, 1, "with its fence");
	is_str(c.get.record.owner, "me", "and its owner");
	ok(c.get.record.lease_until > c.get.now, "whose lease is valid on the same boot");
	is_int(lease(g, &c, name(g, "r"), "other", SQ_S, 0), -SQ_ECONFLICT, "so nobody else gets it");
	c.range = (struct sq_store_range){.id = name(g, "r"), .log = "log", .limit = 10};
	is_int(call(g, RANGE, &c), 0, "the log");
	ok(c.range.count == 1 && slice_is(c.range.entries[0].data, "entry"), "has its entry");
	c.parts = (struct sq_store_parts){.id = name(g, "r"), .prefix = ""};
	is_int(call(g, PARTS, &c), 0, "the parts");
	ok(c.parts.count == 1 && c.parts.parts[0].seq == 7, "have theirs");
	is_int(count(g, ADD, &c, name(g, "n"), 1), 0, "the counter goes on");
	is_int(c.item.value, 6, "exactly, for the process had stopped in order");
	is_int(get(g, &c, name(g, "gone")), 0, "the tombstone is found");
	is_int(c.get.record.life, SQ_TOMBSTONE, "as one");
}

/* Two processes run this at once on one record. */
static void phase_compete(struct rig *g)
{
	struct call c = {0};
	int64_t lost = 0;
	int r = 0;

	put(g, &c, name(g, "r"), "contended", 0, 0);
	for (int64_t left = g->conf->rounds; left > 0 && (r == 0 || r == -SQ_ECONFLICT);) {
		r = get(g, &c, name(g, "r"));
		if (r == 0)
			r = put(g, &c, name(g, "r"), "contended", c.get.record.version, 0);
		if (r == 0)
			left--;
		else
			lost++;
	}
	is_int(r, 0, "every write came through at last");
	for (int i = 0; i < 20; i++) {
		if (lease(g, &c, name(g, "r"), g->host->instance, 3600 * SQ_S, 0) != 0)
			continue;
		printf("# fence %llu\n", (unsigned long long)c.lease.fence);
		c.release = (struct sq_store_release){.id = name(g, "r"), .fence = c.lease.fence};
		is_int(call(g, RELEASE, &c), 0, "a lease is given up");
	}
	get(g, &c, name(g, "r"));
	printf("# version %llu, lost %lld\n", (unsigned long long)c.get.record.version, (long long)lost);
}

/* The .conf gives the store a retention of 1 s. */
static void phase_retention(struct rig *g)
{
	struct call c = {0};

	is_int(put(g, &c, name(g, "live"), "x", 0, 0), 0, "a record that stays live");
	is_int(put(g, &c, name(g, "ended"), "x", 0, 0), 0, "and one");
	is_int(append(g, &c, name(g, "ended"), "log", 0, "entry"), 0, "with a log");
	is_int(end_record(g, name(g, "ended"), 1, 0), 0, "that ends");
	is_int(get(g, &c, name(g, "ended")), 0, "is there at first");
	for (int i = 0; i < 100 && c.get.record.life != SQ_TOMBSTONE; i++) {
		pause_ms(g, 100);
		get(g, &c, name(g, "ended"));
	}
	is_int(c.get.record.life, SQ_TOMBSTONE, "and a tombstone after its time");
	is_int(c.get.record.body.len, 0, "without a body");
	c.range = (struct sq_store_range){.id = name(g, "ended"), .log = "log", .limit = 10};
	is_int(call(g, RANGE, &c), -SQ_EGONE, "its log is gone");
	is_int(get(g, &c, name(g, "live")), 0, "the other one");
	is_int(c.get.record.life, SQ_LIVE, "lives");
}

/* A store that is not there yet refuses. */
static void await_connection(struct rig *g)
{
	struct call c = {0};

	for (int i = 0; i < 1500 && call(g, INFO, &c) == -ENOTCONN; i++)
		script_pause(&g->script, 20);
}

static void script(void *arg)
{
	struct rig *g = arg;

	await_connection(g);
	switch (g->conf->phase) {
	case PHASE_MAIN:
		run_steps(g, record_steps);
		run_steps(g, log_steps);
		run_steps(g, counter_steps);
		break;
	case PHASE_KEEP:
		phase_keep(g);
		break;
	case PHASE_KEPT:
		phase_kept(g);
		break;
	case PHASE_COMPETE:
		phase_compete(g);
		break;
	case PHASE_RETENTION:
		phase_retention(g);
		break;
	}
}

/* --- life --- */

static int contract_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	struct rig *g = calloc(1, sizeof *g);

	if (g == NULL)
		return sq_fail(err, -ENOMEM, "no memory");
	g->host = host;
	g->conf = conf;
	if (g->conf->key[0])
		snprintf(g->prefix, sizeof g->prefix, "%s", g->conf->key);
	else
		snprintf(g->prefix, sizeof g->prefix, "c%lld", (long long)host->wall(host->ctx));
	*ret_self = g;
	return 0;
}

static int contract_start(void *self, struct sq_err *err)
{
	struct rig *g = self;

	return script_start(&g->script, g->host, script, g, err);
}

static void contract_drain(void *self, struct sq_op *op)
{
	struct rig *g = self;

	script_end(&g->script);
	g->host->op_done(g->host->ctx, op, 0);
}

static void contract_destroy(void *self)
{
	free(self);
}

static const struct sq_role contract_role = {.size = sizeof(struct sq_role), .needs = SQ_NEEDS_STORE};

SQ_PLUGIN(role, SQ_ROLE, contract_store, .version = "test", .summary = "Puts a store to the test",
          .opts = contract_opts, .conf_size = sizeof(struct contract_conf), .create = contract_create,
          .start = contract_start, .drain = contract_drain, .destroy = contract_destroy,
          .vt.role = &contract_role);
