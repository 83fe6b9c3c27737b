/* validity.c - the limits of trust as one table, and who was at the limit. */
#include "validity.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>

#include "core/base/text.h"
#include "doc.h"

#define NEVER INFINITY
#define SEGMENTS_MIN 100 /* fewer say nothing about loss */

/* All that is judged. */
struct evidence {
	const struct books *books;
	const struct health *health;
	const struct load *load;
};

enum unit { U_LAG, U_PERCENT, U_TIMES, U_NS, U_WORKERS };

/* One row for each reason not to trust the numbers. A measure says NAN when it could not be taken. */
struct limit {
	double (*measure)(const struct evidence *e);
	enum unit unit; /* U_LAG: limits are multiples of validity_lag_limit; U_WORKERS: of all there were */
	double suspect, invalid; /* above these */
	const char *what, *of; /* "the container was throttled for" 31 % "of the time" */
	const char *cure;
	bool less; /* asking for less is another cure */
};

static double percent(double part, double whole)
{
	return part < 0 || whole <= 0 ? NAN : part * 100 / whole;
}

/* Linux adds some of these up over several CPUs: all of the time is the most that can be said. */
static double share_of_time(const struct evidence *e, int64_t ns)
{
	double share = percent((double)ns, (double)e->health->elapsed);

	return share > 100 ? 100 : share;
}

static double pickup_p99(const struct evidence *e)
{
	const struct hist *h = e->books->hist[H_PICKUP];

	return h->count ? (double)hist_percentile(h, 99) : NAN;
}

static double loop_lag_p99(const struct evidence *e)
{
	return e->health->loop_lag_p99 < 0 ? NAN : (double)e->health->loop_lag_p99;
}

static double late(const struct evidence *e)
{
	return percent((double)(e->books->ledger.late + e->books->late_unsent), (double)e->books->picked);
}

static double late_unsent(const struct evidence *e)
{
	return percent((double)e->books->late_unsent, (double)e->books->picked);
}

static double missed(const struct evidence *e)
{
	double offered = (double)e->load->offered, scheduled = (double)e->books->ledger.scheduled;

	return percent(scheduled < offered ? offered - scheduled : 0, offered);
}

static double throttled(const struct evidence *e)
{
	return share_of_time(e, e->health->throttled);
}

static double run_queue(const struct evidence *e)
{
	return share_of_time(e, e->health->run_queue);
}

static double steal(const struct evidence *e)
{
	return share_of_time(e, e->health->steal);
}

static double fd_exhausted(const struct evidence *e)
{
	return e->health->fd_exhausted < 0 ? NAN : (double)e->health->fd_exhausted;
}

static double port_exhausted(const struct evidence *e)
{
	return e->health->port_exhausted < 0 ? NAN : (double)e->health->port_exhausted;
}

static double retransmits(const struct evidence *e)
{
	if (e->health->segments < SEGMENTS_MIN)
		return NAN;
	return percent((double)e->health->retransmits, (double)e->health->segments);
}

static double lost(const struct evidence *e)
{
	return e->load->lost;
}

static double clock_error(const struct evidence *e)
{
	return e->load->clock_error < 0 ? NAN : (double)e->load->clock_error;
}

static double start_skew(const struct evidence *e)
{
	return e->load->start_skew < 0 ? NAN : (double)e->load->start_skew;
}

/*
 * Why these limits: a lag of 5 % of what is measured moves no percentile by more than that, and ten
 * times as much is half of it. A quota's throttling stops everything for tens of ms at once, so 1 %
 * of the time is already in the p99. Waiting for a CPU and stolen time come in short pieces. Answers
 * are also read late when the loop is late, hence its own row. A late request is still sent and its
 * response time counts from when it was due, so a share of late ones bends the arrivals before it
 * bends the latencies; one that was never sent has no latency at all. Without a descriptor or a port
 * a request was not sent because of us. Segments are counted over the whole network namespace, so
 * their loss can be somebody else's and never proves the numbers wrong. Clocks that differ and workers that
 * begin apart bend the rate in the first moment and the interleaving after it, but no latency: each worker
 * measures by its own clock.
 */
static const struct limit limits[] = {
    {pickup_p99, U_LAG, 1, 10, "the worker looked at due requests late by", " at p99",
     "Give the worker a whole CPU of its own", true},
    {loop_lag_p99, U_LAG, 1, 10, "the worker's loop came late by", " at p99",
     "Give the worker a whole CPU of its own", true},
    {late, U_PERCENT, 10, 50, "the worker looked more than 1 ms late at", " of the requests",
     "Give the worker a whole CPU of its own", true},
    {late_unsent, U_PERCENT, 1, 10, "the worker looked late at, and then never sent,", " of the requests",
     "Give the worker a whole CPU of its own", true},
    {missed, U_PERCENT, 0, 1, "the worker never looked at", " of the requests that were due",
     "Give the worker a whole CPU of its own", true},
    {throttled, U_PERCENT, 1, 1, "the container was throttled for", " of the time",
     "Give the worker a whole CPU (requests = limits)", true},
    {run_queue, U_PERCENT, 10, 30, "the worker was ready to run but had no CPU for", " of the time",
     "Stop what else runs on this machine", true},
    {steal, U_PERCENT, 5, 20, "the hypervisor gave our CPUs to others for", " of the time",
     "Use a machine with CPUs of its own", false},
    {fd_exhausted, U_TIMES, 0, 0, "the worker had no file descriptor left", "",
     "Raise the limit of open files (ulimit -n), or lower max_connections", false},
    {port_exhausted, U_TIMES, 0, 0, "the worker had no local port left", "",
     "Lower max_connections, or use more workers on more machines", false},
    {retransmits, U_PERCENT, 1, NEVER, "TCP had to send again", " of its segments",
     "Look for a full or lossy network between worker and target", false},
    {clock_error, U_NS, 50 * SQ_MS, NEVER, "a worker's idea of the beginning may be off by", "",
     "Look for a slow network between workers and orchestrator", false},
    {start_skew, U_NS, 250 * SQ_MS, NEVER, "the first requests of the workers were sent apart by", "",
     "Look for workers that are slow to connect, or short of CPU", false},
    {lost, U_WORKERS, 0, NEVER, "workers were lost:", "",
     "See the log lines of this test for why they ended, and run it again", false},
};

int64_t validity_lag_limit(const struct books *b)
{
	int64_t share = hist_percentile(b->hist[H_SERVICE], 50) / 20;

	return share > SQ_MS ? share : SQ_MS;
}

static const char *describe_spared(const struct load *load, char out[32])
{
	*out = '\0';
	if (load->redistributes)
		snprintf(out, 32, ", %u not replaced", (unsigned)load->spared);
	return out;
}

static void describe(const struct limit *l, const struct load *load, double v, const char *of, char *out,
                     size_t size)
{
	char duration[TEXT_MAX], spared[32];

	switch (l->unit) {
	case U_LAG:
	case U_NS:
		snprintf(out, size, "%s%s", text_duration(duration, (int64_t)v), of);
		break;
	case U_PERCENT:
		if (v > 0 && v < 0.001)
			snprintf(out, size, "less than 0.001 %%%s", of);
		else
			snprintf(out, size, "%.3g %%%s", v, of);
		break;
	case U_TIMES:
		snprintf(out, size, "%.0f time%s", v, v == 1 ? "" : "s");
		break;
	case U_WORKERS:
		if (v > 0)
			snprintf(out, size, "%.0f of %u%s", v, (unsigned)load->workers,
			         describe_spared(load, spared));
		else
			snprintf(out, size, "0");
		break;
	}
}

static void describe_cure(const struct limit *l, const struct load *load, char *out, size_t size)
{
	char rate[TEXT_MAX];

	if (l->less && load->per_worker > 0)
		snprintf(out, size, "%s or ask for less than %s/s per worker.", l->cure,
		         text_number(rate, load->per_worker));
	else
		snprintf(out, size, "%s.", l->cure);
}

static struct json_object *write_reason(const struct limit *l, const struct load *load, double v,
                                        double limit, enum validity status)
{
	char value[64], most[64], cure[256];
	struct json_object *o = json_object_new_object();

	describe(l, load, v, l->of, value, sizeof value);
	describe(l, load, limit, "", most, sizeof most);
	describe_cure(l, load, cure, sizeof cure);
	return doc_close(o, doc_put_text(o, "what", l->what) && doc_put_text(o, "value", value) &&
	                        doc_put_text(o, "limit", most) && doc_put_text(o, "cure", cure) &&
	                        doc_put_text(o, "status", validity_word(status)));
}

enum validity validity_judge(const struct books *b, const struct health *h, const struct load *l,
                             struct json_object **ret_reasons)
{
	const struct evidence e = {b, h, l};
	struct json_object *reasons = json_object_new_array();
	enum validity worst = VALID;
	bool good = reasons != NULL;

	for (size_t i = 0; i < SQ_LEN(limits); i++) {
		double unit = limits[i].unit == U_LAG ? (double)validity_lag_limit(b) : 1;
		double v = limits[i].measure(&e), most = limits[i].suspect * unit;
		enum validity status = SUSPECT;

		if (isnan(v) || v <= most)
			continue;
		if (v > limits[i].invalid * unit) {
			status = INVALID;
			most = limits[i].invalid * unit;
		}
		worst = status > worst ? status : worst;
		good = good && doc_append(reasons, write_reason(&limits[i], l, v, most, status));
	}
	*ret_reasons = doc_close(reasons, good);
	return worst;
}

const char *validity_word(enum validity v)
{
	static const char *const words[] = {[VALID] = "valid", [SUSPECT] = "suspect", [INVALID] = "invalid"};

	return words[v];
}

/*
 * Somebody was at the limit when 1 % of the requests gave up waiting, so that the rate was not
 * reached, or when most of them went out late. A stall for a moment fills the tail and no more.
 */
static const char *saturated_closed(const struct health *h, const struct load *l)
{
	double cpu = percent((double)h->cpu, (double)h->elapsed * (l->workers ? l->workers : 1));

	return cpu > 90 ? "generator" : l->rests ? "none" : "target";
}

const char *validity_saturated(const struct books *b, const struct health *h, const struct load *l)
{
	uint64_t gave_up = b->ledger.dropped[DROPPED_MAX_IN_FLIGHT] + b->ledger.dropped[DROPPED_PATIENCE];
	bool missed_rate = gave_up > b->picked / 100;
	int64_t limit = validity_lag_limit(b);
	/* A request that has to wait for a new connection does not wait because there are too many. */
	int64_t connecting = hist_percentile(b->hist[H_CONNECT], 50) + hist_percentile(b->hist[H_TLS], 50);

	if (l->closed)
		return saturated_closed(h, l);
	if (hist_percentile(b->hist[H_PICKUP], 50) > limit || (missed_rate && b->late_unsent > gave_up / 2))
		return "generator";
	if (hist_percentile(b->hist[H_WAIT], 50) > limit + 2 * connecting || missed_rate)
		return "target";
	return "none";
}
