/* request.c - one request on records, from the caller to the script and back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verb.h"

struct request {
	struct redis_eval eval;
	struct store *store;
	struct sq_op *op; /* NULL: cancelled */
	const struct verb *verb;
};

/* --- what is well formed --------------------------------------------------------------------- */

int blob_check(struct sq_slice s)
{
	if (s.data == NULL && s.len > 0)
		return -EINVAL;
	return s.len > BLOB_MAX ? -E2BIG : 0;
}

int part_check(const struct sq_part *p)
{
	return name_ok(p->name) && number_ok(p->seq) ? blob_check(p->data) : -EINVAL;
}

void tell_part(struct args *a, const struct sq_part *p)
{
	args_text(a, p->name);
	args_int(a, (int64_t)p->seq);
	args_blob(a, p->data);
}

/* --- one request ----------------------------------------------------------------------------- */

static bool has_outputs(int status)
{
	return status == 0 || status == -SQ_ECONFLICT || status == -SQ_EFINAL;
}

static void answered(struct redis_eval *e, const struct reply *r, bool sent)
{
	struct request *q = sq_container(e, struct request, eval);
	const struct sq_host *host = q->store->host;
	const struct verb *verb = q->verb;
	struct arena out = {0};
	int status = args_status(&q->store->main, r, sent && !verb->reads);
	struct sq_op *op = q->op;

	free(q);
	if (op) {
		if (verb->take && has_outputs(status))
			status = verb->take(op, r, &out, status);
		host->op_done(host->ctx, op, status);
	}
	arena_free(&out);
}

static unsigned most_args(const struct request *q)
{
	const unsigned fixed = 8;

	return q->verb == &verb_put ? fixed + 3 * ((struct sq_store_put *)q->op)->part_count : fixed;
}

static int request_send(struct request *q)
{
	struct arena arena = {0};
	struct args a;
	int r;

	args_init(&a, &arena, q->store->script_key, q->verb->name, most_args(q));
	if (!a.failed)
		q->verb->tell(&a, q->op, q->store);
	r = a.failed ? -ENOMEM : redis_link_eval(&q->store->main, &q->eval, a.list, a.count);
	arena_free(&arena);
	return r;
}

static void again(struct redis_eval *e)
{
	struct request *q = sq_container(e, struct request, eval);
	const struct sq_host *host = q->store->host;
	struct sq_op *op = q->op;
	int r = op ? request_send(q) : 0;

	if (op && r == 0)
		return;
	free(q);
	if (op)
		host->op_done(host->ctx, op, r);
}

int store_submit(struct store *s, struct sq_op *op, const struct verb *verb)
{
	struct request *q;
	int r = verb->check ? verb->check(op) : 0;

	if (r < 0)
		return r;
	if (!redis_link_is_up(&s->main))
		return -ENOTCONN;
	q = calloc(1, sizeof *q);
	if (!q)
		return -ENOMEM;
	*q = (struct request){.eval = {.done = answered, .again = again}, .store = s, .op = op, .verb = verb};
	r = request_send(q);
	if (r < 0)
		free(q);
	else
		op->driver = &q->op;
	return r;
}
