/*
 * role_door.c - a door into the store, so that a test can put there what an orchestrator would.
 *
 * Each answer is the status of the operation as text.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <squall/plugin.h>

struct door {
	const struct sq_host *host;
};

struct visit {
	struct door *door;
	struct sq_http *rq;
	char id[SQ_ID_MAX + 1], name[SQ_ID_MAX + 1], version[24];
	struct sq_store_put put;
	struct sq_store_append append;
	struct sq_part part;
	struct sq_store_part_put part_put;
};

static void copy(char *out, size_t size, struct sq_slice from)
{
	size_t n = from.len < size ? from.len : size - 1;

	if (n > 0)
		memcpy(out, from.data, n);
	out[n] = '\0';
}

static struct visit *visit_new(void *self, struct sq_http *rq)
{
	struct visit *v = calloc(1, sizeof *v);

	if (!v)
		abort();
	v->door = self;
	v->rq = rq;
	copy(v->id, sizeof v->id, rq->params[0]);
	copy(v->name, sizeof v->name, rq->params[1]);
	copy(v->version, sizeof v->version, rq->params[2]);
	return v;
}

static void leave(struct visit *v, int status)
{
	char text[16];
	int len = snprintf(text, sizeof text, "%d", status);

	v->door->host->http->reply(v->rq, 200, "text/plain", text, (size_t)len);
	free(v);
}

static void put_done(struct sq_op *op, int status)
{
	leave(sq_container(op, struct visit, put.op), status);
}

static void append_done(struct sq_op *op, int status)
{
	leave(sq_container(op, struct visit, append.op), status);
}

static void part_done(struct sq_op *op, int status)
{
	leave(sq_container(op, struct visit, part_put.op), status);
}

static void handle_record(void *self, struct sq_http *rq)
{
	static const char *const ends[] = {"completed", "failed", "cancelled", "timed_out"};
	struct visit *v = visit_new(self, rq);
	const struct sq_host *host = v->door->host;
	int r;

	v->put.op.done = put_done;
	v->put.id = v->id;
	v->put.state = v->name;
	v->put.version = strtoull(v->version, NULL, 10);
	v->put.life = SQ_LIVE;
	for (size_t i = 0; i < SQ_LEN(ends); i++)
		if (strcmp(v->name, ends[i]) == 0)
			v->put.life = SQ_TERMINAL;
	v->put.body = rq->body;
	r = host->store->put(host->store_self, &v->put);
	if (r < 0)
		leave(v, r);
}

static void handle_log(void *self, struct sq_http *rq)
{
	struct visit *v = visit_new(self, rq);
	const struct sq_host *host = v->door->host;
	int r;

	v->append.op.done = append_done;
	v->append.id = v->id;
	v->append.log = v->name;
	v->append.entry = rq->body;
	r = host->store->append(host->store_self, &v->append);
	if (r < 0)
		leave(v, r);
}

static void handle_part(void *self, struct sq_http *rq)
{
	struct visit *v = visit_new(self, rq);
	const struct sq_host *host = v->door->host;
	int r;

	v->part_put.op.done = part_done;
	v->part_put.id = v->id;
	v->part_put.part = (struct sq_part){.name = v->name, .data = rq->body};
	r = host->store->part_put(host->store_self, &v->part_put);
	if (r < 0)
		leave(v, r);
}

static int door_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	struct door *d = calloc(1, sizeof *d);

	(void)conf;
	if (!d)
		return sq_fail(err, -ENOMEM, "not enough memory");
	d->host = host;
	*ret_self = d;
	return 0;
}

static int door_start(void *self, struct sq_err *err)
{
	(void)self, (void)err;
	return 0;
}

static void door_drain(void *self, struct sq_op *op)
{
	struct door *d = self;

	d->host->op_done(d->host->ctx, op, 0);
}

static const struct sq_route routes[] = {
    {.method = "POST",
     .path = "/record/{id}/{state}/{version}",
     .handle = handle_record,
     .help = "Puts the body as the record, where this version is stored."},
    {.method = "POST",
     .path = "/log/{id}/{log}",
     .handle = handle_log,
     .help = "Appends the body to a log of the record."},
    {.method = "POST",
     .path = "/part/{id}/{name}",
     .handle = handle_part,
     .help = "Puts the body as a part of the record."},
    {.method = NULL}};

static const struct sq_role role = {.size = sizeof role, .needs = SQ_NEEDS_STORE, .routes = routes};

SQ_PLUGIN(role, SQ_ROLE, door, .version = "1", .summary = "For tests: a door into the store.",
          .create = door_create, .start = door_start, .drain = door_drain, .destroy = free, .vt.role = &role);
