/* threshold.c - the metrics and the words of thresholds. */
#include "threshold.h"

#include <errno.h>
#include <string.h>

#include "core/base/text.h"
#include "decimal.h"
#include "threshold_metric.h"

#define HOUR_MS 3600000.0 /* what a histogram can hold */

/* blocked: k6's wait for a connection. Phases of a connection are counted once for each that was opened. */
static const struct threshold_metric metrics[] = {
    {"http_req_response_time", METRIC_TIME, H_RESPONSE},
    {"http_req_duration", METRIC_TIME, H_SERVICE},
    {"http_req_waiting", METRIC_TIME, H_FIRST_BYTE},
    {"http_req_receiving", METRIC_TIME, H_RECEIVE},
    {"http_req_blocked", METRIC_TIME, H_WAIT},
    {"http_req_looking_up", METRIC_TIME, H_DNS},
    {"http_req_connecting", METRIC_TIME, H_CONNECT},
    {"http_req_tls_handshaking", METRIC_TIME, H_TLS},
    {"http_req_lag", METRIC_TIME, H_LAG},
    {"http_req_failed", METRIC_FAILED, -1},
    {"checks", METRIC_CHECKS, -1},
    {"http_reqs", METRIC_REQUESTS, -1},
    {"dropped_iterations", METRIC_DROPPED, -1},
    {"data_sent", METRIC_BYTES_SENT, -1},
    {"data_received", METRIC_BYTES_RECEIVED, -1},
};

/* Words of k6 that have no place here, and why. */
static const struct {
	const char *name, *text;
} strangers[] = {
    {"http_req_sending", "is not measured: a request is written in one step"},
    {"iterations", "is k6's; here it is http_reqs"},
    {"iteration_duration", "is k6's; here it is http_req_response_time"},
    {"vus", "is k6's; squall has no virtual users"},
};

const char *threshold_metric_name(const struct threshold *t)
{
	return t->metric->name;
}

int threshold_hist(const struct threshold *t)
{
	return t->metric->hist;
}

static bool is_share(const struct threshold_metric *m)
{
	return m->kind == METRIC_FAILED || m->kind == METRIC_CHECKS;
}

const char *threshold_unit(const struct threshold *t)
{
	if (t->metric->kind == METRIC_TIME)
		return "ms";
	if (is_share(t->metric))
		return "share";
	return t->aggregate == AGG_RATE ? "per_second" : "count";
}

/* --- metrics --------------------------------------------------------------------------------- */

static int refuse_metric(const char *name, struct sq_err *err)
{
	const char *names[SQ_LEN(metrics) + 1], *near;

	for (size_t i = 0; i < SQ_LEN(strangers); i++)
		if (strcmp(strangers[i].name, name) == 0)
			return sq_fail(err, -EINVAL, "%s %s", name, strangers[i].text);
	if (strchr(name, '{'))
		return sq_fail(err, -EINVAL, "\"%s\": tags of a metric are not supported", name);
	for (size_t i = 0; i < SQ_LEN(metrics); i++)
		names[i] = metrics[i].name;
	names[SQ_LEN(metrics)] = NULL;
	near = text_nearest(name, names);
	if (near)
		return sq_fail(err, -EINVAL, "\"%s\" is not a metric; did you mean %s?", name, near);
	return sq_fail(err, -EINVAL,
	               "\"%s\" is not a metric; there are http_req_response_time, http_req_duration, "
	               "http_req_failed, http_reqs, dropped_iterations and more",
	               name);
}

static int find_metric(struct threshold *t, const char *s, size_t len, struct sq_err *err)
{
	char name[THRESHOLD_TEXT];

	text_safe(name, sizeof name, s, len);
	for (size_t i = 0; i < SQ_LEN(metrics); i++)
		if (strcmp(metrics[i].name, name) == 0) {
			t->metric = &metrics[i];
			return 0;
		}
	return refuse_metric(name, err);
}

/* --- the expression -------------------------------------------------------------------------- */

static const char *skip(const char *s)
{
	return s + strspn(s, " \t");
}

static const struct {
	const char *word;
	enum threshold_aggregate aggregate;
} words[] = {{"avg", AGG_AVG}, {"min", AGG_MIN},   {"med", AGG_MED},
             {"max", AGG_MAX}, {"rate", AGG_RATE}, {"count", AGG_COUNT}};

/* What the metric of each kind can be asked for. */
static int check_aggregate(const struct threshold *t, struct sq_err *err)
{
	bool of_time = t->aggregate != AGG_RATE && t->aggregate != AGG_COUNT;

	if (t->metric->kind == METRIC_TIME && !of_time)
		return sq_fail(err, -EINVAL, "%s has avg, min, med, max and p(N)", t->metric->name);
	if (is_share(t->metric) && t->aggregate != AGG_RATE)
		return sq_fail(err, -EINVAL, "%s has rate", t->metric->name);
	if (t->metric->kind != METRIC_TIME && of_time)
		return sq_fail(err, -EINVAL, "%s has count and rate", t->metric->name);
	return 0;
}

/* The N of p(N), behind the bracket. */
static int read_percent(struct threshold *t, const char **s, struct sq_err *err)
{
	size_t len = strspn(*s, "0123456789.");
	char number[24];
	int64_t n = -1;

	if (len < sizeof number && (*s)[len] == ')') {
		snprintf(number, sizeof number, "%.*s", (int)len, *s);
		if (decimal_parse(number, 6, &n) < 0)
			n = -1;
	}
	if (n < 0 || n > 100000000)
		return sq_fail(err, -EINVAL, "p(N) wants a number of 0 .. 100, like p(99.9)");
	t->aggregate = AGG_P;
	t->percent = (double)n / 1e6;
	*s += len + 1;
	return 0;
}

static int read_aggregate(struct threshold *t, const char **s, struct sq_err *err)
{
	size_t len = strspn(*s, "abcdefghijklmnopqrstuvwxyz");

	if (len == 1 && **s == 'p' && (*s)[1] == '(') {
		*s += 2;
		return read_percent(t, s, err);
	}
	if (len == 1 && **s == 'p' && (*s)[1] >= '0' && (*s)[1] <= '9')
		return sq_fail(err, -EINVAL, "percentiles are written p(N), like p(99)");
	for (size_t i = 0; i < SQ_LEN(words); i++)
		if (strlen(words[i].word) == len && strncmp(words[i].word, *s, len) == 0) {
			t->aggregate = words[i].aggregate;
			t->percent = t->aggregate == AGG_MED ? 50 : 0;
			*s += len;
			return 0;
		}
	return sq_fail(err, -EINVAL, "begins with none of avg, min, med, max, p(N), rate and count");
}

static int read_op(struct threshold *t, const char **s, struct sq_err *err)
{
	static const struct {
		const char *text;
		enum threshold_op op;
	} ops[] = {{"===", OP_EQ}, {"!==", OP_NE}, {"<=", OP_LE}, {">=", OP_GE},
	           {"==", OP_EQ},  {"!=", OP_NE},  {"<", OP_LT},  {">", OP_GT}};

	for (size_t i = 0; i < SQ_LEN(ops); i++)
		if (strncmp(*s, ops[i].text, strlen(ops[i].text)) == 0) {
			t->op = ops[i].op;
			*s += strlen(ops[i].text);
			return 0;
		}
	return sq_fail(err, -EINVAL, "wants one of < <= > >= == != behind what is computed");
}

/* What a number counts in: scaled by 10^digits it is a whole number of scale-ths of the unit. */
struct unit {
	const char *text;
	unsigned digits;
	double scale;
};

static const struct unit time_units[] = {{"", 6, 1e6},   {"ms", 6, 1e6}, {"s", 9, 1e6},
                                         {"us", 3, 1e6}, {"ns", 0, 1e6}, {NULL, 0, 0}};
static const struct unit share_units[] = {{"", 9, 1e9}, {"%", 7, 1e9}, {NULL, 0, 0}};
static const struct unit rate_units[] = {{"", 6, 1e6}, {"/s", 6, 1e6}, {NULL, 0, 0}};
static const struct unit count_units[] = {{"", 6, 1e6}, {NULL, 0, 0}};

static const struct unit *units_of(const struct threshold *t)
{
	if (t->metric->kind == METRIC_TIME)
		return time_units;
	if (is_share(t->metric))
		return share_units;
	return t->aggregate == AGG_RATE ? rate_units : count_units;
}

static int check_limit(const struct threshold *t, struct sq_err *err)
{
	if (t->metric->kind == METRIC_TIME && t->limit > HOUR_MS)
		return sq_fail(err, -EINVAL, "the limit is outside 0 .. 3600s");
	if (is_share(t->metric) && t->limit > 1)
		return sq_fail(err, -EINVAL, "the limit is a share of 1, like 0.01 or 1%%");
	return 0;
}

static int read_limit(struct threshold *t, const char **s, struct sq_err *err)
{
	size_t len = strspn(*s, "0123456789."), end = strcspn(*s + len, " \t");
	const struct unit *u = units_of(t);
	char number[32];
	int64_t n;

	if (len == 0 || len >= sizeof number)
		return sq_fail(err, -EINVAL, "wants a number of 0 or more behind the operator");
	snprintf(number, sizeof number, "%.*s", (int)len, *s);
	while (u->text && (strlen(u->text) != end || strncmp(u->text, *s + len, end) != 0))
		u++;
	if (!u->text)
		return sq_fail(err, -EINVAL, "the limit has a unit that does not fit: %s",
		               t->metric->kind == METRIC_TIME ? "use 250, 250ms or 1.5s"
		               : is_share(t->metric)          ? "use 0.01 or 1%"
		                                              : "use a number");
	if (decimal_parse(number, u->digits, &n) < 0)
		return sq_fail(err, -EINVAL, "the limit is not a number that can be compared with");
	t->limit = (double)n / u->scale;
	*s += len + end;
	return check_limit(t, err);
}

static int read_expression(struct threshold *t, const char *s, struct sq_err *err)
{
	int r;

	s = skip(s);
	r = read_aggregate(t, &s, err);
	if (r == 0)
		r = check_aggregate(t, err);
	s = skip(s);
	if (r == 0)
		r = read_op(t, &s, err);
	s = skip(s);
	if (r == 0)
		r = read_limit(t, &s, err);
	if (r == 0 && *skip(s))
		r = sq_fail(err, -EINVAL, "has something behind the limit: one threshold is one comparison");
	return r;
}

int threshold_parse(struct threshold *out, const char *metric, size_t len, const char *expression,
                    struct sq_err *err)
{
	struct threshold t = {.metric = NULL};
	struct sq_err why;
	char shown[THRESHOLD_TEXT];
	int r = find_metric(&t, metric, len, err);

	if (r < 0)
		return r;
	expression = skip(expression);
	text_safe(shown, sizeof shown, expression, strlen(expression));
	if (strlen(expression) >= sizeof t.expression)
		return sq_fail(err, -EINVAL, "\"%s...\" is longer than a threshold can be", shown);
	r = read_expression(&t, expression, &why);
	if (r < 0)
		return sq_fail(err, r, "\"%s\" %s", shown, why.text);
	strcpy(t.expression, expression);
	*out = t;
	return 0;
}

/* Whether it begins at once, with what is computed. */
static bool is_bare(const char *s)
{
	size_t len = strcspn(s, " \t:<>=!(");

	for (size_t i = 0; i < SQ_LEN(words); i++)
		if (strlen(words[i].word) == len && strncmp(words[i].word, s, len) == 0)
			return true;
	return *s == 'p' && (s[1] == '(' || (s[1] >= '0' && s[1] <= '9'));
}

int threshold_parse_line(struct threshold *out, const char *line, struct sq_err *err)
{
	size_t len;

	line = skip(line);
	if (is_bare(line))
		return threshold_parse(out, THRESHOLD_BARE, strlen(THRESHOLD_BARE), line, err);
	len = strcspn(line, " \t:");
	return threshold_parse(out, line, len, line + len + strspn(line + len, " \t:"), err);
}
