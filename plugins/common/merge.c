/* merge.c - the latest report of each worker, kept small, and their sum. */
#include "merge.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A histogram without its empty cells: 10,000 workers are not 10,000 times 2.7 MB. */
struct sparse {
	struct hist_totals {
		uint64_t count, censored;
		int64_t min, max;
		unsigned __int128 sum;
	} totals;
	uint32_t used;
	struct cell {
		uint32_t index;
		uint64_t count;
	} * cells;
};

/* Books without histograms of their own. Those that keep no samples are cut before the room for them. */
struct kept {
	struct books *books; /* NULL: there are none */
	struct sparse hist[H_COUNT];
};

struct worker {
	struct report report; /* what it points to is in the rest */
	struct kept load, warmup, *requests;
};

struct merger {
	struct worker **workers; /* in order of first appearance */
	uint32_t count, room;
	struct books *sum, *warmup; /* warmup: NULL while no report has one */
	struct books *requests[PLAN_REQUESTS_MAX]; /* NULL from request_count on */
	uint32_t request_count; /* the most of any report */
	bool stale; /* a report was taken after sum was made */
};

/* --- sparse histograms ----------------------------------------------------------------------- */

/* Looks at the cells once, several at a time while they are empty. */
static int sparse_from(struct sparse *s, const struct hist *h)
{
	uint32_t room = 0, i = h->low;
	struct cell *more;

	*s = (struct sparse){.totals = {h->count, h->censored, h->min, h->max, h->sum}};
	while (h->count > 0 && i <= h->high) {
		const uint64_t *c = &h->cells[i];

		if (i + 8 <= h->high && !(c[0] | c[1] | c[2] | c[3] | c[4] | c[5] | c[6] | c[7])) {
			i += 8;
			continue;
		}
		if (*c && s->used == room) {
			room = room ? room * 2 : 32;
			more = realloc(s->cells, room * sizeof *more);
			if (!more) {
				free(s->cells);
				s->cells = NULL;
				return -ENOMEM;
			}
			s->cells = more;
		}
		if (*c)
			s->cells[s->used++] = (struct cell){i, *c};
		i++;
	}
	return 0;
}

static void sparse_add(const struct sparse *s, struct hist *into)
{
	const struct hist_totals *t = &s->totals;

	if (s->used == 0)
		return;
	for (uint32_t i = 0; i < s->used; i++)
		into->cells[s->cells[i].index] += s->cells[i].count;
	if (into->count == 0 || t->min < into->min)
		into->min = t->min;
	if (into->count == 0 || t->max > into->max)
		into->max = t->max;
	if (s->cells[0].index < into->low)
		into->low = s->cells[0].index;
	if (into->low > into->high || s->cells[s->used - 1].index > into->high)
		into->high = s->cells[s->used - 1].index;
	into->count += t->count;
	into->censored += t->censored;
	into->sum += t->sum;
}

/* --- workers --------------------------------------------------------------------------------- */

static void kept_free(struct kept *k)
{
	free(k->books); /* without histograms */
	for (int i = 0; i < H_COUNT; i++)
		free(k->hist[i].cells);
}

static int kept_from(struct kept *k, const struct books *b, bool samples)
{
	size_t size = samples ? sizeof *b : offsetof(struct books, slowest);
	int r = 0;

	k->books = malloc(size);
	if (!k->books)
		return -ENOMEM;
	memcpy(k->books, b, size);
	memset(k->books->hist, 0, sizeof k->books->hist);
	if (!samples) {
		k->books->slowest_count = 0;
		memset(k->books->error_count, 0, sizeof k->books->error_count);
	}
	for (int i = 0; r == 0 && i < H_COUNT; i++)
		r = sparse_from(&k->hist[i], b->hist[i]);
	return r;
}

static void kept_add(const struct kept *k, struct books *into)
{
	if (!k->books)
		return;
	books_merge(into, k->books);
	for (int h = 0; h < H_COUNT; h++)
		sparse_add(&k->hist[h], into->hist[h]);
}

static void sign(struct sample *samples, uint32_t count, const char *uid)
{
	for (uint32_t i = 0; i < count; i++)
		snprintf(samples[i].worker, sizeof samples[i].worker, "%s", uid);
}

/* Writes into its samples whose they are. */
static void kept_sign(struct kept *k, const char *uid)
{
	sign(k->books->slowest, k->books->slowest_count, uid);
	for (int kind = 0; kind < SAMPLE_KINDS; kind++)
		sign(k->books->errors[kind], k->books->error_count[kind], uid);
}

static void worker_free(struct worker *w)
{
	if (!w)
		return;
	kept_free(&w->load);
	kept_free(&w->warmup);
	for (uint32_t i = 0; w->requests && i < w->report.request_count; i++)
		kept_free(&w->requests[i]);
	free(w->requests);
	free(w);
}

static int worker_keep(struct worker *w, const struct report *r)
{
	int status = kept_from(&w->load, r->books, true);

	w->report = *r;
	w->report.warmup = NULL;
	w->report.requests = NULL;
	w->report.request_count = 0;
	if (status == 0 && r->warmup)
		status = kept_from(&w->warmup, r->warmup, false);
	if (status < 0 || r->request_count == 0)
		return status;
	w->requests = calloc(r->request_count, sizeof *w->requests);
	if (!w->requests)
		return -ENOMEM;
	w->report.request_count = r->request_count;
	for (uint32_t i = 0; status == 0 && i < r->request_count; i++)
		status = kept_from(&w->requests[i], r->requests[i], false);
	return status;
}

/* A small copy of what r says; NULL without memory. */
static struct worker *worker_new(const struct report *r)
{
	struct worker *w = calloc(1, sizeof *w);

	if (w && worker_keep(w, r) < 0) {
		worker_free(w);
		return NULL;
	}
	if (w) {
		kept_sign(&w->load, r->uid);
		w->report.books = w->load.books;
		w->report.warmup = w->warmup.books;
	}
	return w;
}

struct merger *merger_new(void)
{
	struct merger *m = calloc(1, sizeof *m);

	if (!m)
		return NULL;
	m->sum = books_new(0);
	if (!m->sum) {
		free(m);
		return NULL;
	}
	return m;
}

void merger_free(struct merger *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->count; i++)
		worker_free(m->workers[i]);
	free(m->workers);
	books_free(m->sum);
	books_free(m->warmup);
	for (uint32_t i = 0; i < m->request_count; i++)
		books_free(m->requests[i]);
	free(m);
}

static struct worker **find(const struct merger *m, const char *uid)
{
	for (uint32_t i = 0; i < m->count; i++)
		if (strcmp(m->workers[i]->report.uid, uid) == 0)
			return &m->workers[i];
	return NULL;
}

static int make_room(struct merger *m)
{
	uint32_t room = m->room ? m->room * 2 : 8;
	struct worker **workers;

	if (m->count < m->room)
		return 0;
	workers = realloc(m->workers, room * sizeof *workers);
	if (!workers)
		return -ENOMEM;
	m->workers = workers;
	m->room = room;
	return 0;
}

/* Somewhere to add up what this report has. */
static int make_sums(struct merger *m, const struct report *r)
{
	if (r->warmup && !m->warmup && !(m->warmup = books_new(0)))
		return -ENOMEM;
	assert(r->request_count <= PLAN_REQUESTS_MAX);
	for (; m->request_count < r->request_count; m->request_count++) {
		m->requests[m->request_count] = books_new(0);
		if (!m->requests[m->request_count])
			return -ENOMEM;
	}
	return 0;
}

int merger_take(struct merger *m, const struct report *r)
{
	struct worker **known = find(m, r->uid), *w;

	if (known && (*known)->report.seq >= r->seq)
		return 0;
	w = worker_new(r);
	if (!w || make_sums(m, r) < 0 || (!known && make_room(m) < 0)) {
		worker_free(w);
		return -ENOMEM;
	}
	if (known) {
		worker_free(*known);
		*known = w;
	} else {
		m->workers[m->count++] = w;
	}
	m->stale = true;
	return 1;
}

void merger_drop(struct merger *m, const char *uid)
{
	struct worker **w = find(m, uid);

	if (!w)
		return;
	worker_free(*w);
	m->count--;
	memmove(w, w + 1, (size_t)(m->workers + m->count - w) * sizeof *w);
	m->stale = true;
}

const struct report *merger_report(const struct merger *m, const char *uid)
{
	struct worker **w = find(m, uid);

	return w ? &(*w)->report : NULL;
}

uint32_t merger_count(const struct merger *m)
{
	return m->count;
}

const struct report *merger_at(const struct merger *m, uint32_t i)
{
	assert(i < m->count);
	return &m->workers[i]->report;
}

/* --- the sum --------------------------------------------------------------------------------- */

static void sum_worker(struct merger *m, const struct worker *w)
{
	kept_add(&w->load, m->sum);
	if (m->warmup)
		kept_add(&w->warmup, m->warmup);
	for (uint32_t i = 0; i < w->report.request_count; i++)
		kept_add(&w->requests[i], m->requests[i]);
}

static void sum_all(struct merger *m)
{
	if (!m->stale)
		return;
	books_reset(m->sum);
	if (m->warmup)
		books_reset(m->warmup);
	for (uint32_t i = 0; i < m->request_count; i++)
		books_reset(m->requests[i]);
	for (uint32_t i = 0; i < m->count; i++)
		sum_worker(m, m->workers[i]);
	m->stale = false;
}

const struct books *merger_books(struct merger *m)
{
	sum_all(m);
	return m->sum;
}

const struct books *merger_warmup(struct merger *m)
{
	sum_all(m);
	return m->warmup;
}

const struct books *merger_request(struct merger *m, uint32_t i)
{
	sum_all(m);
	return i < m->request_count ? m->requests[i] : NULL;
}

/* Adds up what is known; -1 while nothing is. */
static void add_known(int64_t *to, int64_t n)
{
	if (n >= 0)
		*to = *to < 0 ? n : *to + n;
}

static void take_worst(int64_t *to, int64_t n)
{
	*to = n > *to ? n : *to;
}

/* part / whole of the worst worker, as a part of *elapsed. */
static void take_worst_share(int64_t *to, int64_t part, int64_t whole, int64_t elapsed)
{
	if (part >= 0 && whole > 0)
		take_worst(to, (int64_t)((double)part / (double)whole * (double)elapsed));
}

struct health merger_health(const struct merger *m)
{
	struct health sum = {0, -1, -1, -1, -1, -1, -1, -1, -1, -1};

	for (uint32_t i = 0; i < m->count; i++)
		take_worst(&sum.elapsed, m->workers[i]->report.health.elapsed);
	for (uint32_t i = 0; i < m->count; i++) {
		const struct health *h = &m->workers[i]->report.health;

		add_known(&sum.cpu, h->cpu);
		take_worst_share(&sum.throttled, h->throttled, h->elapsed, sum.elapsed);
		take_worst_share(&sum.run_queue, h->run_queue, h->elapsed, sum.elapsed);
		take_worst_share(&sum.steal, h->steal, h->elapsed, sum.elapsed);
		take_worst(&sum.loop_lag_p99, h->loop_lag_p99);
		add_known(&sum.retransmits, h->retransmits);
		add_known(&sum.segments, h->segments);
		add_known(&sum.fd_exhausted, h->fd_exhausted);
		add_known(&sum.port_exhausted, h->port_exhausted);
	}
	return sum;
}
