/*
 * run_thin.c - keeps a long test's timeline small: two neighbours among the older points become one.
 *
 * It goes over the older half of the points, from the first on, two by two, and begins anew when it is
 * through: each time what is there stands for about twice as many seconds. The younger half keeps its
 * seconds. How many points there are is reckoned, for after an adoption nobody knows; a step more or less
 * does no harm.
 */
#include <json-c/json.h>

#include "plugins/common/doc.h"
#include "run.h"

#define TIMELINE_BYTES ((uint64_t)10 << 20)

static bool is_full(const struct run *r)
{
	return r->thin.points > r->o->conf->timeline_points || r->thin.bytes > TIMELINE_BYTES;
}

static void thin(struct run *r);

static void go_on(struct run *r)
{
	r->thin.busy = false;
	thin(r);
	run_release(r);
}

static void merged(struct sq_op *op, int status)
{
	struct thin *t = sq_container(op, struct thin, merge.op);
	struct run *r = sq_container(t, struct run, thin);

	if (status == -SQ_EFENCED)
		test_fenced(&r->test);
	if (status < 0) {
		t->busy = false; /* it is looked at again after the next point */
		run_release(r);
		return;
	}
	t->points--;
	t->bytes -= t->were > t->text.len ? t->were - t->text.len : 0;
	t->before = t->merge.last;
	go_on(r);
}

/* False: they are left as they are. */
static bool merge(struct run *r, const struct sq_entry *a, const struct sq_entry *b)
{
	const struct sq_host *h = r->o->host;
	struct thin *t = &r->thin;
	struct json_object *o = NULL;

	if (timeline_merge(a->data, b->data, t->before, &o) < 0)
		return false;
	buf_reset(&t->text);
	doc_write(o, &t->text);
	if (buf_failed(&t->text))
		return false;
	t->were = a->data.len + b->data.len;
	t->merge = (struct sq_store_merge){.op = {.done = merged, .timeout = STORE_TIMEOUT},
	                                   .id = r->id,
	                                   .log = RECORD_TIMELINE,
	                                   .fence = r->test.fence,
	                                   .first = a->seq,
	                                   .last = b->seq,
	                                   .entry = {t->text.data, t->text.len}};
	submitted(&t->merge.op, h->store->merge(h->store_self, &t->merge));
	return true;
}

/* The number of the last point that may be merged. */
static uint64_t last_old(const struct run *r)
{
	uint64_t young = (uint64_t)r->thin.points / 2;

	return r->second > young ? r->second - young : 0;
}

static void ranged(struct sq_op *op, int status)
{
	struct thin *t = sq_container(op, struct thin, range.op);
	struct run *r = sq_container(t, struct run, thin);
	const struct sq_entry *e = t->range.entries;
	bool first = t->before == 0;

	if (status == 0 && t->range.count == 2 && e[1].seq <= last_old(r)) {
		if (merge(r, &e[0], &e[1]))
			return;
		t->before = e[1].seq;
	} else if (status == 0 && !first) {
		t->before = 0; /* anew */
		go_on(r);
		return;
	}
	t->busy = false;
	run_release(r);
}

static void thin(struct run *r)
{
	const struct sq_host *h = r->o->host;
	struct thin *t = &r->thin;

	if (t->busy || r->closing || !is_full(r))
		return;
	t->busy = true;
	t->range = (struct sq_store_range){.op = {.done = ranged, .timeout = STORE_TIMEOUT},
	                                   .id = r->id,
	                                   .log = RECORD_TIMELINE,
	                                   .from = t->before + 1,
	                                   .limit = 2};
	run_hold(r);
	submitted(&t->range.op, h->store->range(h->store_self, &t->range));
}

void run_thin_added(struct run *r, size_t bytes)
{
	struct thin *t = &r->thin;

	if (t->bytes == 0)
		t->bytes = (uint64_t)t->points * bytes; /* those of the last owner */
	t->points++;
	t->bytes += bytes;
	thin(r);
}
