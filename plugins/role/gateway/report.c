/* report.c - what a test measured, in the forms that people and tools want: JSON, text, CSV, .hgrm. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/result_text.h"
#include "gateway.h"
#include "plugins/common/doc.h"
#include "plugins/common/merge.h"

#define POINTS 1000 /* of the timeline in one answer; the client comes again for more */
#define ROWS 200 /* of a table between two turns of the loop */

/* --- report.json, report.txt ----------------------------------------------------------------- */

struct report_call {
	struct call call;
	struct sq_store_get get;
	void (*answer)(struct call *c, const struct test_record *r);
};

static void report_got(struct sq_op *op, int status)
{
	struct report_call *w = sq_container(op, struct report_call, get.op);
	struct test_record r;

	if (call_got(&w->call, &w->get, status, &r)) {
		if (lifecycle_terminal(r.state))
			w->answer(&w->call, &r);
		else
			answer_problem(
			    &w->call, 409,
			    "test %s is %s: its report comes at the end; GET /tests/%s shows it now",
			    w->call.id, lifecycle_word(r.state), w->call.id);
		record_free(&r);
	}
	call_end(&w->call);
}

static void report_begin(void *self, struct sq_http *rq,
                         void (*answer)(struct call *c, const struct test_record *r))
{
	struct report_call *w = call_begin(gateway_of(self), rq, sizeof *w);

	if (!w)
		return;
	w->answer = answer;
	call_get(&w->call, &w->get, report_got);
}

static void answer_as_json(struct call *c, const struct test_record *r)
{
	answer_json(c, 200, record_answer(r));
}

static void answer_as_text(struct call *c, const struct test_record *r)
{
	struct json_object *doc = record_answer(r);
	struct buf text = {0};

	if (doc)
		result_text(doc, false, &text);
	else
		text.failed = true;
	answer_text(c, "text/plain; charset=utf-8", &text);
	buf_free(&text);
	json_object_put(doc);
}

void handle_report_json(void *self, struct sq_http *rq)
{
	report_begin(self, rq, answer_as_json);
}

void handle_report_txt(void *self, struct sq_http *rq)
{
	report_begin(self, rq, answer_as_text);
}

/* --- the timeline ---------------------------------------------------------------------------- */

struct points {
	struct call call;
	struct sq_store_range range;
	struct buf out;
};

static void points_ask(struct points *p, uint64_t from, uint32_t limit, sq_done_fn *done)
{
	const struct sq_host *host = p->call.gw->host;

	p->range.id = p->call.id;
	p->range.log = RECORD_TIMELINE;
	p->range.from = from;
	p->range.limit = limit;
	p->range.op.done = done;
	p->range.op.timeout = STORE_TIMEOUT;
	call_submitted(&p->range.op, host->store->range(host->store_self, &p->range));
}

static void points_end(struct points *p)
{
	buf_free(&p->out);
	call_end(&p->call);
}

/* The points are JSON texts already. */
static void timeline_read(struct sq_op *op, int status)
{
	struct points *p = sq_container(op, struct points, range.op);
	uint64_t next = p->range.from;

	if (status < 0) {
		answer_store(&p->call, status);
		points_end(p);
		return;
	}
	buf_str(&p->out, "{\"points\":[");
	for (uint32_t i = 0; i < p->range.count; i++) {
		buf_str(&p->out, i ? "," : "");
		buf_add(&p->out, p->range.entries[i].data.data, p->range.entries[i].data.len);
		next = p->range.entries[i].seq + 1;
	}
	buf_printf(&p->out, "],\"next\":%llu}", (unsigned long long)next);
	answer_text(&p->call, "application/json", &p->out);
	points_end(p);
}

void handle_timeline(void *self, struct sq_http *rq)
{
	struct points *p = call_begin(gateway_of(self), rq, sizeof *p);
	int64_t from;

	if (!p)
		return;
	if (query_number(&p->call, "from", 1, INT32_MAX, 1, &from))
		points_ask(p, (uint64_t)from, POINTS, timeline_read);
	else
		points_end(p);
}

/* --- report.csv ------------------------------------------------------------------------------ */

static const struct {
	const char *column, *member;
} columns[] = {{"second", "t"},
               {"offered", "offered"},
               {"sent", "sent"},
               {"ok", "ok"},
               {"errors", "errors"},
               {"p50_ms", "p50"},
               {"p90_ms", "p90"},
               {"p95_ms", "p95"},
               {"p99_ms", "p99"},
               {"p99_9_ms", "p99_9"},
               {"max_ms", "max"},
               {"lag_p99_ms", "lag_p99"},
               {"in_flight", "in_flight"},
               {"workers", "workers"}};

static void csv_header(struct buf *out)
{
	for (size_t i = 0; i < SQ_LEN(columns); i++)
		buf_printf(out, "%s%s", i ? "," : "", columns[i].column);
	buf_str(out, "\r\n"); /* RFC 4180 */
}

/* What was not measured is an empty cell. */
static void csv_row(struct buf *out, struct sq_slice point)
{
	struct json_object *o = NULL, *v;
	struct sq_err err;

	if (doc_parse(point, 8, &o, &err) < 0 || !json_object_is_type(o, json_type_object)) {
		out->failed |= err.code == -ENOMEM;
		json_object_put(o);
		return;
	}
	for (size_t i = 0; i < SQ_LEN(columns); i++) {
		v = json_object_object_get(o, columns[i].member);
		buf_str(out, i ? "," : "");
		if (json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double))
			buf_str(out, json_object_to_json_string(v));
	}
	buf_str(out, "\r\n");
	json_object_put(o);
}

static void csv_read(struct sq_op *op, int status)
{
	struct points *p = sq_container(op, struct points, range.op);

	if (status < 0) {
		answer_store(&p->call, status);
		points_end(p);
		return;
	}
	for (uint32_t i = 0; i < p->range.count; i++)
		csv_row(&p->out, p->range.entries[i].data);
	if (p->range.more && p->range.count > 0 && !buf_failed(&p->out)) {
		points_ask(p, p->range.entries[p->range.count - 1].seq + 1, ROWS, csv_read);
		return;
	}
	answer_text(&p->call, "text/csv; charset=utf-8", &p->out);
	points_end(p);
}

void handle_report_csv(void *self, struct sq_http *rq)
{
	struct points *p = call_begin(gateway_of(self), rq, sizeof *p);

	if (!p)
		return;
	csv_header(&p->out);
	points_ask(p, 1, ROWS, csv_read);
}

/* --- report.hgrm ----------------------------------------------------------------------------- */

/* Decoding many histograms takes a while: that happens on a thread, with copies of the snapshots. */
struct spectrum {
	struct call call;
	struct sq_store_parts parts;
	struct sq_work work;
	struct buf snapshots; /* one behind the other */
	size_t *lengths;
	uint32_t count;
	struct buf out;
};

static void spectrum_end(struct spectrum *s)
{
	buf_free(&s->snapshots);
	buf_free(&s->out);
	free(s->lengths);
	call_end(&s->call);
}

static int merge_snapshot(struct merger *m, struct sq_slice text)
{
	struct report r;
	int status = report_read(text, &r, NULL);

	if (status < 0)
		return status;
	status = merger_take(m, &r);
	report_free(&r);
	return status;
}

static int spectrum_run(struct sq_work *w)
{
	struct spectrum *s = sq_container(w, struct spectrum, work);
	struct merger *m = merger_new();
	size_t at = 0;
	int r = m ? 0 : -ENOMEM;

	for (uint32_t i = 0; r >= 0 && i < s->count; i++) {
		r = merge_snapshot(m, (struct sq_slice){s->snapshots.data + at, s->lengths[i]});
		at += s->lengths[i];
	}
	if (r >= 0)
		hist_hgrm(merger_books(m)->hist[H_RESPONSE], (double)SQ_MS, &s->out);
	merger_free(m);
	return r;
}

static void spectrum_made(struct sq_op *op, int status)
{
	struct spectrum *s = sq_container(op, struct spectrum, work.op);

	if (status >= 0)
		answer_text(&s->call, "text/plain; charset=utf-8", &s->out);
	else if (status == -ENOMEM)
		answer_memory(&s->call);
	else
		answer_problem(&s->call, 500, "the workers' reports of test %s cannot be read", s->call.id);
	spectrum_end(s);
}

static void spectrum_keep(struct spectrum *s)
{
	s->lengths = calloc(s->parts.count ? s->parts.count : 1, sizeof *s->lengths);
	if (!s->lengths) {
		s->snapshots.failed = true;
		return;
	}
	for (; s->count < s->parts.count; s->count++) {
		struct sq_slice data = s->parts.parts[s->count].data;

		buf_add(&s->snapshots, data.data, data.len);
		s->lengths[s->count] = data.len;
	}
}

static void spectrum_read(struct sq_op *op, int status)
{
	struct spectrum *s = sq_container(op, struct spectrum, parts.op);
	const struct sq_host *host = s->call.gw->host;

	if (status >= 0)
		spectrum_keep(s);
	if (status < 0 || buf_failed(&s->snapshots)) {
		answer_store(&s->call, status < 0 ? status : -ENOMEM);
		spectrum_end(s);
		return;
	}
	s->work.op.done = spectrum_made;
	s->work.run = spectrum_run;
	s->work.what = "histogram of a report";
	s->work.lane = SQ_LANE_CPU;
	call_submitted(&s->work.op, host->work(host->ctx, &s->work));
}

void handle_report_hgrm(void *self, struct sq_http *rq)
{
	struct gateway *gw = gateway_of(self);
	struct spectrum *s = call_begin(gw, rq, sizeof *s);

	if (!s)
		return;
	s->parts.id = s->call.id;
	s->parts.prefix = RECORD_SNAPSHOT;
	s->parts.op.done = spectrum_read;
	s->parts.op.timeout = STORE_TIMEOUT;
	call_submitted(&s->parts.op, gw->host->store->parts(gw->host->store_self, &s->parts));
}
