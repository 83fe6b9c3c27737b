/* threshold_watch.c - thresholds while the test runs, and what became of them. */
#include "threshold_watch.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/text.h"
#include "doc.h"
#include "plan.h"
#include "threshold.h"

#define STEPS 60 /* marks within one window */

const char *const watch_reason[] = {"", "threshold_aborted", "auto_stop"};

/* --- spans ----------------------------------------------------------------------------------- */

/* What was known at one moment. */
struct mark {
	int64_t at;
	struct threshold_counts counts;
	uint64_t censored;
	unsigned __int128 sum;
	struct buf hist; /* encoded, "" for an empty one */
};

/* The marks of the last length ns, oldest first. */
struct span {
	int64_t length;
	struct mark marks[STEPS + 2];
	unsigned count;
};

static void drop_marks(struct span *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		buf_free(&s->marks[i].hist);
	memmove(s->marks, s->marks + n, (s->count - n) * sizeof *s->marks);
	s->count -= n;
}

static void add_mark(struct span *s, const struct threshold_counts *counts, const struct hist *h, int64_t at)
{
	struct mark m = {.at = at, .counts = *counts};
	int64_t step = s->length / STEPS > SQ_S ? s->length / STEPS : SQ_S;

	if (s->count > 0 && at - s->marks[s->count - 1].at < step)
		return;
	if (h && h->count > 0) {
		m.censored = h->censored;
		m.sum = h->sum;
		if (hist_encode(h, &m.hist) < 0) {
			buf_free(&m.hist);
			return;
		}
	}
	if (s->count == SQ_LEN(s->marks))
		drop_marks(s, 1);
	s->marks[s->count++] = m;
}

/* The youngest mark that is a whole span ago; older ones are dropped. NULL: none is. */
static const struct mark *span_begin(struct span *s, int64_t at)
{
	unsigned n = 0;

	while (n < s->count && s->marks[n].at <= at - s->length)
		n++;
	if (n > 1)
		drop_marks(s, n - 1);
	return n > 0 ? &s->marks[0] : NULL;
}

static bool mark_hist(const struct mark *m, struct hist *out)
{
	hist_reset(out);
	if (m->hist.len == 0)
		return true;
	if (hist_decode(out, m->hist.data, m->hist.len, NULL) < 0)
		return false;
	out->censored = m->censored;
	out->sum = m->sum;
	return true;
}

/* --- the whole ------------------------------------------------------------------------------- */

/* What became of one threshold so far. */
struct watched {
	struct span *span; /* NULL: it is about the whole test */
	struct threshold_finding last;
	bool failed, held; /* a window did */
	double failed_value, worst; /* of the first that failed; of those that held, nearest the limit */
	int64_t failed_at;
};

struct threshold_watch {
	const struct plan *plan;
	struct watched *all; /* of each threshold of the plan */
	struct span errors; /* for auto_stop */
	struct hist *before, *between; /* scratch */
	bool gap; /* windows before a rebase were not seen */
};

static void free_span(struct span *s)
{
	if (s)
		drop_marks(s, s->count);
	free(s);
}

void threshold_watch_free(struct threshold_watch *w)
{
	if (!w)
		return;
	for (uint32_t i = 0; w->all && i < w->plan->threshold_count; i++)
		free_span(w->all[i].span);
	free(w->all);
	drop_marks(&w->errors, w->errors.count);
	hist_free(w->before);
	hist_free(w->between);
	free(w);
}

static bool make_spans(struct threshold_watch *w)
{
	for (uint32_t i = 0; i < w->plan->threshold_count; i++) {
		int64_t length = w->plan->thresholds[i].window;

		if (length == 0)
			continue;
		w->all[i].span = calloc(1, sizeof *w->all[i].span);
		if (!w->all[i].span)
			return false;
		w->all[i].span->length = length;
		w->all[i].span->count = 1; /* T0, when nothing was measured */
	}
	return true;
}

struct threshold_watch *threshold_watch_new(const struct plan *plan)
{
	struct threshold_watch *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->plan = plan;
	w->errors.length = plan->auto_stop.span;
	w->errors.count = 1;
	w->all = calloc(plan->threshold_count + 1, sizeof *w->all);
	w->before = hist_new();
	w->between = hist_new();
	if (w->all && w->before && w->between && make_spans(w))
		return w;
	threshold_watch_free(w);
	return NULL;
}

static const struct hist *hist_of(const struct threshold *t, const struct books *b)
{
	int h = threshold_hist(t);

	return h < 0 ? NULL : b->hist[h];
}

/* A span of elapsed ns, without its histogram. */
static struct threshold_data data_of(const struct plan *plan, const struct threshold_counts *counts,
                                     int64_t elapsed)
{
	int64_t timeout = plan->timeout < plan->wire.first_byte ? plan->timeout : plan->wire.first_byte;

	return (struct threshold_data){.counts = *counts, .elapsed = elapsed, .timeout = timeout};
}

void threshold_watch_rebase(struct threshold_watch *w, const struct books *b, int64_t at)
{
	struct threshold_counts counts = threshold_count(b);

	w->gap = true;
	for (uint32_t i = 0; i < w->plan->threshold_count; i++) {
		struct span *s = w->all[i].span;

		if (!s)
			continue;
		drop_marks(s, s->count);
		add_mark(s, &counts, hist_of(&w->plan->thresholds[i], b), at);
	}
	drop_marks(&w->errors, w->errors.count);
	add_mark(&w->errors, &counts, NULL, at);
}

/* --- looking --------------------------------------------------------------------------------- */

static void judge_span(struct threshold_watch *w, const struct threshold *t, struct watched *x,
                       const struct books *b, const struct threshold_counts *counts, int64_t at)
{
	const struct mark *from = span_begin(x->span, at);
	const struct hist *h = hist_of(t, b);
	struct threshold_counts between;
	struct threshold_data d;

	if (!from)
		return;
	between = threshold_counts_since(counts, &from->counts);
	d = data_of(w->plan, &between, at - from->at);
	if (h) {
		if (!mark_hist(from, w->before) || hist_since(w->between, h, w->before) < 0)
			return;
		d.hist = w->between;
	}
	threshold_judge(t, &d, &x->last);
	if (x->last.state == THRESHOLD_FAILS && x->last.enough && !x->failed) {
		x->failed = true;
		x->failed_value = x->last.value;
		x->failed_at = at;
	}
	if (x->last.state == THRESHOLD_HOLDS) {
		bool upward = t->op == OP_LT || t->op == OP_LE;

		if (!x->held || (upward ? x->last.value > x->worst : x->last.value < x->worst))
			x->worst = x->last.value;
		x->held = true;
	}
}

static void look_at(struct threshold_watch *w, uint32_t i, const struct books *b,
                    const struct threshold_counts *counts, int64_t at)
{
	const struct threshold *t = &w->plan->thresholds[i];
	struct watched *x = &w->all[i];
	struct threshold_data d = data_of(w->plan, counts, at);

	d.hist = hist_of(t, b);
	if (x->span) {
		judge_span(w, t, x, b, counts, at);
		add_mark(x->span, counts, d.hist, at);
	} else if (t->abort) {
		threshold_judge(t, &d, &x->last);
	}
}

static char *value_text(char out[TEXT_MAX], const struct threshold *t, double value)
{
	return strcmp(threshold_unit(t), "ms") == 0 ? text_ms(out, value) : text_number(out, value);
}

/* Whether it ends the test. */
static bool aborts(const struct threshold *t, const struct watched *x, int64_t at)
{
	if (!t->abort || at < t->delay)
		return false;
	if (x->span)
		return x->failed;
	return x->last.state == THRESHOLD_FAILS && x->last.enough && threshold_is_final(t, x->last.value);
}

static bool is_broken(struct threshold_watch *w, const struct threshold_counts *counts, int64_t at,
                      char *detail, size_t size)
{
	const struct plan_auto_stop *stop = &w->plan->auto_stop;
	const struct mark *from = stop->off ? NULL : span_begin(&w->errors, at);
	struct threshold_counts c;
	char span[TEXT_MAX];
	uint64_t ended;

	if (!from)
		return false;
	c = threshold_counts_since(counts, &from->counts);
	ended = c.ok + c.failed;
	if (ended == 0 || (double)c.failed * 1e6 < (double)stop->share * (double)ended)
		return false;
	snprintf(detail, size, "%.1f %% of the requests of %s failed: \"auto_stop\": false goes on",
	         100.0 * (double)c.failed / (double)ended, text_duration(span, at - from->at));
	return true;
}

enum watch_verdict threshold_watch_look(struct threshold_watch *w, const struct books *b, int64_t at,
                                        char *detail, size_t size)
{
	struct threshold_counts counts = threshold_count(b);
	enum watch_verdict verdict = WATCH_GOES_ON;

	for (uint32_t i = 0; i < w->plan->threshold_count; i++) {
		const struct threshold *t = &w->plan->thresholds[i];
		char value[TEXT_MAX];

		look_at(w, i, b, &counts, at);
		if (verdict != WATCH_GOES_ON || !aborts(t, &w->all[i], at))
			continue;
		verdict = WATCH_THRESHOLD;
		snprintf(
		    detail, size, "%s %s: was %s", threshold_metric_name(t), t->expression,
		    value_text(value, t, w->all[i].span ? w->all[i].failed_value : w->all[i].last.value));
	}
	if (verdict == WATCH_GOES_ON && is_broken(w, &counts, at, detail, size))
		verdict = WATCH_AUTO_STOP;
	add_mark(&w->errors, &counts, NULL, at);
	return verdict;
}

/* --- the end --------------------------------------------------------------------------------- */

/* Of all its windows. */
static void conclude_span(const struct watched *x, bool gap, struct threshold_finding *out)
{
	char when[TEXT_MAX];

	*out = (struct threshold_finding){.state = THRESHOLD_UNDECIDED};
	if (x && x->failed) {
		*out = (struct threshold_finding){THRESHOLD_FAILS, true, true, x->failed_value, ""};
		snprintf(out->why, sizeof out->why, "in the window that ended %s after the start",
		         text_duration(when, x->failed_at));
	} else if (gap) {
		strcpy(out->why, "nobody saw every window, as the orchestrator was lost");
	} else if (x && x->held) {
		*out = (struct threshold_finding){THRESHOLD_HOLDS, true, true, x->worst, ""};
		strcpy(out->why, "in the worst window");
	} else if (x && *x->last.why) {
		snprintf(out->why, sizeof out->why, "%.120s in a window", x->last.why);
	} else {
		strcpy(out->why, "no window was over before the test was");
	}
}

static struct json_object *write_row(const struct threshold *t, const struct threshold_finding *f,
                                     bool trusted)
{
	struct json_object *o = json_object_new_object();
	unsigned digits = f->value < 1e9 ? 6 : 0;
	double scaled = f->value * (digits ? 1e6 : 1);
	bool holds = f->state == THRESHOLD_HOLDS, good;

	good = doc_put_text(o, "metric", threshold_metric_name(t)) &&
	       doc_put_text(o, "expression", t->expression) &&
	       (t->window ? doc_put_decimal(o, "window_sec", t->window, 9) : doc_put_null(o, "window_sec")) &&
	       (f->measured ? doc_put_decimal(o, "value", (int64_t)(scaled + 0.5), digits)
	                    : doc_put_null(o, "value")) &&
	       doc_put_text(o, "unit", threshold_unit(t)) &&
	       (holds && !trusted ? doc_put_null(o, "ok")
	                          : doc_put(o, "ok", json_object_new_boolean(holds))) &&
	       doc_put(o, "decided", json_object_new_boolean(f->state != THRESHOLD_UNDECIDED)) &&
	       doc_put_text(o, "why", *f->why ? f->why : NULL);
	return doc_close(o, good);
}

struct json_object *thresholds_write(const struct plan *plan, const struct threshold_watch *w,
                                     const struct books *b, int64_t elapsed, bool trusted, bool *ret_failed)
{
	struct json_object *list = json_object_new_array();
	struct threshold_counts counts = threshold_count(b);
	struct threshold_data d = data_of(plan, &counts, elapsed);
	bool good = list != NULL, failed = false;

	for (uint32_t i = 0; good && i < plan->threshold_count; i++) {
		const struct threshold *t = &plan->thresholds[i];
		struct threshold_finding f;

		d.hist = hist_of(t, b);
		if (t->window)
			conclude_span(w ? &w->all[i] : NULL, w && w->gap, &f);
		else
			threshold_judge(t, &d, &f);
		failed |= f.state != THRESHOLD_HOLDS;
		good = doc_append(list, write_row(t, &f, trusted));
	}
	*ret_failed = failed;
	return doc_close(list, good);
}
