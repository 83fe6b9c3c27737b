/* threshold_judge.c - measurements against a threshold: it holds, fails, or cannot be decided. */
#include <math.h>
#include <string.h>

#include "core/base/text.h"
#include "threshold.h"
#include "threshold_metric.h"

struct threshold_counts threshold_count(const struct books *b)
{
	const struct ledger *l = &b->ledger;

	return (struct threshold_counts){
	    .ok = l->ok,
	    .failed = ledger_unsent(l) + ledger_http_errors(l) + l->check_failed + ledger_errors(l),
	    .unknown = l->in_flight_at_end + l->unconfirmed,
	    .sent = ledger_sent(l),
	    .dropped = ledger_dropped(l),
	    .checks_failed = l->check_failed,
	    .ended = l->ok + ledger_http_errors(l) + l->check_failed + ledger_errors(l) + l->in_flight_at_end,
	    .timeouts = l->error[ERROR_TIMEOUT],
	    .cut = ledger_errors(l) - l->error[ERROR_TIMEOUT] + l->in_flight_at_end,
	    .bytes_sent = b->bytes_sent,
	    .bytes_received = b->bytes_received,
	};
}

/* A worker whose books were replaced is no reason for a negative number. */
static uint64_t since(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

struct threshold_counts threshold_counts_since(const struct threshold_counts *now,
                                               const struct threshold_counts *before)
{
	return (struct threshold_counts){
	    .ok = since(now->ok, before->ok),
	    .failed = since(now->failed, before->failed),
	    .unknown = since(now->unknown, before->unknown),
	    .sent = since(now->sent, before->sent),
	    .dropped = since(now->dropped, before->dropped),
	    .checks_failed = since(now->checks_failed, before->checks_failed),
	    .ended = since(now->ended, before->ended),
	    .timeouts = since(now->timeouts, before->timeouts),
	    .cut = since(now->cut, before->cut),
	    .bytes_sent = since(now->bytes_sent, before->bytes_sent),
	    .bytes_received = since(now->bytes_received, before->bytes_received),
	};
}

/* --- between which values the truth lies ------------------------------------------------------ */

struct range {
	double low, high;
	uint64_t samples; /* 0: nothing was measured */
	double value; /* what was measured: between the two */
};

/* rank: 1 .. count; 0 is of what nobody measured, beyond count of what has no end. */
static double value_at(const struct hist *h, uint64_t rank)
{
	if (rank > h->count)
		return INFINITY;
	return rank ? (double)hist_percentile(h, 100 * ((double)rank - 0.5) / (double)h->count) / SQ_MS : 0;
}

static uint64_t rank_of(double percent, uint64_t count)
{
	double exact = ceil(nextafter(percent, -1) * (double)count / 100);
	uint64_t rank = exact < 1 ? 1 : (uint64_t)exact;

	return rank < count ? rank : count;
}

/* Whether it makes no difference how much longer a request would have taken than it was waited for. */
static bool timeout_decides(const struct threshold *t, const struct threshold_data *d)
{
	double waited = (double)d->timeout / SQ_MS;

	/* Its first byte took an unknown part of the time. */
	if (t->metric->hist == H_RECEIVE)
		return false;
	return t->op == OP_LT || t->op == OP_GE ? waited >= t->limit : waited > t->limit;
}

/* How many of the samples are lower bounds that may matter. */
static uint64_t doubt_of(const struct threshold *t, const struct threshold_data *d)
{
	uint64_t censored = d->hist->censored;

	return timeout_decides(t, d) && d->counts.cut < censored ? d->counts.cut : censored;
}

/* Requests that have no sample, though they were sent: how long they would have received nobody knows. */
static uint64_t missing_of(const struct threshold *t, const struct threshold_data *d)
{
	return t->metric->hist == H_RECEIVE ? since(d->counts.ended, d->hist->count) : 0;
}

/* At best those without a sample are nothing at all; at worst all in doubt are the lowest, and without end.
 */
static struct range range_of_time(const struct threshold *t, const struct threshold_data *d)
{
	const struct hist *h = d->hist;
	uint64_t doubt, missing, rank;
	double mean, all;

	if (!h || h->count == 0)
		return (struct range){.samples = 0};
	doubt = doubt_of(t, d);
	missing = missing_of(t, d);
	mean = hist_mean(h) / SQ_MS;
	all = (double)h->count + (double)missing;
	switch (t->aggregate) {
	case AGG_AVG:
		return (struct range){mean * ((double)h->count / all), doubt + missing ? INFINITY : mean,
		                      h->count, mean};
	case AGG_MIN:
		return (struct range){missing ? 0 : (double)h->min / SQ_MS,
		                      doubt ? value_at(h, 1 + doubt) : (double)h->min / SQ_MS, h->count,
		                      (double)h->min / SQ_MS};
	case AGG_MAX:
		return (struct range){(double)h->max / SQ_MS,
		                      doubt + missing ? INFINITY : (double)h->max / SQ_MS, h->count,
		                      (double)h->max / SQ_MS};
	default:
		rank = rank_of(t->percent, h->count + missing);
		return (struct range){value_at(h, since(rank, missing)), value_at(h, rank + doubt), h->count,
		                      value_at(h, rank_of(t->percent, h->count))};
	}
}

static struct range range_of_share(uint64_t part, uint64_t doubt, uint64_t whole)
{
	double share = (double)part / (double)whole;

	if (whole == 0)
		return (struct range){.samples = 0};
	return (struct range){share, (double)(part + doubt) / (double)whole, whole, share};
}

static struct range range_of_count(const struct threshold *t, const struct threshold_data *d, uint64_t n)
{
	double v = (double)n;

	if (t->aggregate == AGG_RATE && d->elapsed <= 0)
		return (struct range){.samples = 0};
	if (t->aggregate == AGG_RATE)
		v = v * SQ_S / (double)d->elapsed;
	return (struct range){v, v, 1, v};
}

static struct range range_of(const struct threshold *t, const struct threshold_data *d)
{
	const struct threshold_counts *c = &d->counts;

	switch (t->metric->kind) {
	case METRIC_TIME:
		return range_of_time(t, d);
	case METRIC_FAILED:
		return range_of_share(c->failed, c->unknown, c->ok + c->failed + c->unknown);
	case METRIC_CHECKS:
		return range_of_share(c->ok, 0, c->ok + c->checks_failed);
	case METRIC_REQUESTS:
		return range_of_count(t, d, c->sent);
	case METRIC_DROPPED:
		return range_of_count(t, d, c->dropped);
	case METRIC_BYTES_SENT:
		return range_of_count(t, d, c->bytes_sent);
	case METRIC_BYTES_RECEIVED:
		return range_of_count(t, d, c->bytes_received);
	}
	return (struct range){.samples = 0};
}

/* --- the verdict ----------------------------------------------------------------------------- */

static bool compare(enum threshold_op op, double v, double limit)
{
	switch (op) {
	case OP_LT:
		return v < limit;
	case OP_LE:
		return v <= limit;
	case OP_GT:
		return v > limit;
	case OP_GE:
		return v >= limit;
	case OP_EQ:
		return v == limit;
	case OP_NE:
		return v != limit;
	}
	return false;
}

static enum threshold_state judge(const struct threshold *t, const struct range *r)
{
	bool low = compare(t->op, r->low, t->limit), high = compare(t->op, r->high, t->limit);
	bool between = r->low <= t->limit && t->limit <= r->high && r->low < r->high;

	if (low != high || ((t->op == OP_EQ || t->op == OP_NE) && between))
		return THRESHOLD_UNDECIDED;
	return low ? THRESHOLD_HOLDS : THRESHOLD_FAILS;
}

/* Samples that a percentile wants: ten beyond it. */
static uint64_t needed(const struct threshold *t)
{
	uint64_t millionths = (uint64_t)(t->percent * 1e6 + 0.5), rest = 100000000 - millionths;

	if ((t->aggregate != AGG_P && t->aggregate != AGG_MED) || rest == 0)
		return 1;
	return (THRESHOLD_BEYOND * 100000000ULL + rest - 1) / rest;
}

static void explain_few(const struct threshold *t, uint64_t samples, char *out, size_t size)
{
	char want[TEXT_MAX], have[TEXT_MAX];

	snprintf(out, size, "p(%g) wants %s samples, and there %s %s", t->percent,
	         text_count(want, needed(t)), samples == 1 ? "is" : "are", text_count(have, samples));
}

static void explain_doubt(const struct threshold *t, const struct threshold_data *d, char *out, size_t size)
{
	char waited[TEXT_MAX];

	if (t->metric->kind == METRIC_TIME && t->metric->hist != H_RECEIVE && d->counts.timeouts > 0 &&
	    d->counts.cut == 0)
		snprintf(out, size, "it hangs on requests that timed out after %s, below its limit",
		         text_duration(waited, d->timeout));
	else
		snprintf(out, size, "it hangs on requests that were never answered");
}

void threshold_judge(const struct threshold *t, const struct threshold_data *d, struct threshold_finding *out)
{
	struct range r = range_of(t, d);
	struct threshold_finding f = {
	    .state = THRESHOLD_UNDECIDED, .measured = r.samples > 0, .value = r.value};

	if (!f.measured) {
		strcpy(f.why, "nothing was measured");
		*out = f;
		return;
	}
	f.state = judge(t, &r);
	f.enough = r.samples >= needed(t);
	if (f.state == THRESHOLD_UNDECIDED) {
		explain_doubt(t, d, f.why, sizeof f.why);
	} else if (f.state == THRESHOLD_HOLDS && !f.enough) {
		f.state = THRESHOLD_UNDECIDED;
		explain_few(t, r.samples, f.why, sizeof f.why);
	}
	*out = f;
}

bool threshold_is_final(const struct threshold *t, double value)
{
	if (t->aggregate != AGG_COUNT || t->op == OP_LT || t->op == OP_LE)
		return true;
	return t->op == OP_EQ && value > t->limit;
}
