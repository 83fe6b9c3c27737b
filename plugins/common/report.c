/* report.c - a worker's report as JSON text, and the strict reading of it. */
#include "report.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "doc.h"
#include "members.h"
#include "plan.h"

#define DEPTH_MAX 8
#define SUM_DIGITS 32 /* more than 2^53 values of one hour each need */
#define ELAPSED_MAX (1000LL * 24 * 3600 * SQ_S)

typedef unsigned __int128 u128;

const char *const worker_state_word[WORKER_STATES] = {"ready", "armed", "running", "draining", "ended"};

/* --- histograms ------------------------------------------------------------------------------ */

static char *sum_text(char out[SUM_DIGITS + 8], u128 sum)
{
	char *p = out + SUM_DIGITS + 7;

	for (*p = '\0'; sum > 0 || !*p; sum /= 10)
		*--p = (char)('0' + (int)(sum % 10));
	return p;
}

/* null for an empty one: nothing costs less to send each second. */
static bool put_hist(struct json_object *o, const char *name, const struct hist *h)
{
	struct json_object *doc;
	struct buf blob = {0};
	char digits[SUM_DIGITS + 8];
	bool good;

	if (h->count == 0)
		return doc_put_null(o, name);
	good = hist_encode(h, &blob) == 0;
	doc = json_object_new_object();
	good = good && doc_put_text(doc, "blob", blob.data) &&
	       doc_put(doc, "min", json_object_new_int64(h->min)) &&
	       doc_put(doc, "max", json_object_new_int64(h->max)) &&
	       doc_put_text(doc, "sum", sum_text(digits, h->sum)) &&
	       doc_put_count(doc, "censored", h->censored);
	buf_free(&blob);
	return doc_put(o, name, doc_close(doc, good));
}

static struct json_object *write_hists(const struct books *b)
{
	struct json_object *o = json_object_new_object();
	bool good = true;

	for (int i = 0; good && i < H_COUNT; i++)
		good = put_hist(o, books_hist_name[i], b->hist[i]);
	return doc_close(o, good);
}

static bool parse_sum(const char *s, u128 *ret)
{
	u128 sum = 0;

	if (!*s || strspn(s, "0123456789") != strlen(s))
		return false;
	for (; *s; s++)
		sum = sum * 10 + (unsigned)(*s - '0');
	*ret = sum;
	return true;
}

/* What travels beside the cells must be possible with them. */
static bool is_possible(const struct hist *cells, int64_t min, int64_t max, u128 sum, uint64_t censored)
{
	return cells->count > 0 && min <= max && hist_cell(min) == hist_cell(cells->min) &&
	       hist_cell(max) == hist_cell(cells->max) && sum >= (u128)min * cells->count &&
	       sum <= (u128)max * cells->count && censored <= cells->count;
}

static int read_hist(struct json_object *doc, const char *name, struct hist *h, struct sq_err *err)
{
	struct members m = members_of(doc, name, err);
	int64_t min = members_int(&m, "min", 0, HIST_CEILING), max = members_int(&m, "max", 0, HIST_CEILING);
	uint64_t censored = members_count(&m, "censored", MEMBERS_COUNT_MAX);
	struct sq_slice blob = members_slice(&m, "blob");
	char digits[SUM_DIGITS + 1];
	u128 sum = 0;
	int r;

	members_text(&m, "sum", digits, sizeof digits);
	r = members_end(&m);
	if (r == 0)
		r = hist_decode(h, blob.data, blob.len, err);
	if (r < 0)
		return r;
	if (h->count > MEMBERS_COUNT_MAX || !parse_sum(digits, &sum) ||
	    !is_possible(h, min, max, sum, censored))
		return sq_fail(err, -EINVAL, "hist.%s: min, max, sum or censored do not fit its cells", name);
	h->min = min;
	h->max = max;
	h->sum = sum;
	h->censored = censored;
	return 0;
}

static int read_hists(struct json_object *doc, struct books *b, struct sq_err *err)
{
	struct members m = members_of(doc, "report.hist", err);
	int r = 0;

	for (int i = 0; r == 0 && i < H_COUNT; i++) {
		struct json_object *hist = members_object(&m, books_hist_name[i], true);

		if (hist)
			r = read_hist(hist, books_hist_name[i], b->hist[i], err);
	}
	return r < 0 ? r : members_end(&m);
}

/* --- samples --------------------------------------------------------------------------------- */

static struct json_object *write_sample(const struct sample *s)
{
	struct json_object *o = json_object_new_object();
	bool good = doc_put_count(o, "tick", s->tick) &&
	            doc_put(o, "offset_ns", json_object_new_int64(s->offset)) &&
	            doc_put(o, "response_ns", json_object_new_int64(s->response)) &&
	            doc_put(o, "service_ns", json_object_new_int64(s->service)) &&
	            doc_put(o, "pickup_ns", json_object_new_int64(s->pickup)) &&
	            doc_put(o, "wait_ns", json_object_new_int64(s->wait)) &&
	            doc_put(o, "first_byte_ns", json_object_new_int64(s->first_byte)) &&
	            doc_put(o, "dns_ns", json_object_new_int64(s->dns)) &&
	            doc_put(o, "connect_ns", json_object_new_int64(s->connect)) &&
	            doc_put(o, "tls_ns", json_object_new_int64(s->tls)) &&
	            doc_put_count(o, "request", s->request) &&
	            doc_put(o, "status", json_object_new_int64(s->status)) &&
	            doc_put_foreign(o, "address", s->address, strnlen(s->address, sizeof s->address)) &&
	            doc_put_foreign(o, "what", s->what, strnlen(s->what, sizeof s->what)) &&
	            doc_put_foreign(o, "body", s->body, s->body_len);

	return doc_close(o, good);
}

static struct json_object *write_samples(const struct sample *s, uint32_t count)
{
	struct json_object *array = json_object_new_array();
	bool good = true;

	for (uint32_t i = 0; good && i < count; i++)
		good = doc_append(array, write_sample(&s[i]));
	return doc_close(array, good);
}

static struct json_object *write_errors(const struct books *b, bool samples)
{
	struct json_object *o = json_object_new_object();
	bool good = true;

	for (int kind = 0; good && kind < SAMPLE_KINDS; kind++)
		good = doc_put(o, books_sample_name[kind],
		               write_samples(b->errors[kind], samples ? b->error_count[kind] : 0));
	return doc_close(o, good);
}

static int read_sample(struct json_object *doc, struct sample *s, struct sq_err *err)
{
	struct members m = members_of(doc, "sample", err);

	s->tick = members_count(&m, "tick", MEMBERS_COUNT_MAX);
	s->offset = members_int(&m, "offset_ns", 0, ELAPSED_MAX);
	s->response = members_int(&m, "response_ns", 0, ELAPSED_MAX);
	s->service = members_int(&m, "service_ns", 0, ELAPSED_MAX);
	s->pickup = members_int(&m, "pickup_ns", 0, ELAPSED_MAX);
	s->wait = members_int(&m, "wait_ns", 0, ELAPSED_MAX);
	s->first_byte = members_int(&m, "first_byte_ns", -1, ELAPSED_MAX);
	s->dns = members_int(&m, "dns_ns", -1, ELAPSED_MAX);
	s->connect = members_int(&m, "connect_ns", -1, ELAPSED_MAX);
	s->tls = members_int(&m, "tls_ns", -1, ELAPSED_MAX);
	s->request = (uint32_t)members_count(&m, "request", PLAN_REQUESTS_MAX - 1);
	s->status = (int)members_int(&m, "status", 0, LEDGER_STATUS_MAX);
	members_text(&m, "address", s->address, sizeof s->address);
	members_text(&m, "what", s->what, sizeof s->what);
	s->body_len = (uint16_t)members_bytes(&m, "body", s->body, sizeof s->body);
	return members_end(&m);
}

static int read_samples(struct json_object *array, struct sample *s, uint32_t *ret, struct sq_err *err)
{
	int r = 0;

	*ret = (uint32_t)json_object_array_length(array);
	for (uint32_t i = 0; r == 0 && i < *ret; i++)
		r = read_sample(json_object_array_get_idx(array, i), &s[i], err);
	return r;
}

static int read_errors(struct json_object *doc, struct books *b, struct sq_err *err)
{
	struct members m = members_of(doc, "report.errors", err);
	int r = 0;

	for (int kind = 0; r == 0 && kind < SAMPLE_KINDS; kind++) {
		struct json_object *array = members_array(&m, books_sample_name[kind], BOOKS_SAMPLES, false);

		if (array)
			r = read_samples(array, b->errors[kind], &b->error_count[kind], err);
	}
	return r < 0 ? r : members_end(&m);
}

/* --- groups of numbers ----------------------------------------------------------------------- */

/* One row for each int64_t or uint64_t of a group; -1 where min allows it is "unknown". */
struct number {
	const char *name;
	size_t off;
	int64_t min, max;
};

#define COUNT(st, name, field)                          \
	{                                               \
		name, offsetof(st, field), 0, 1LL << 53 \
	}
#define KNOWN(st, name, field)                                 \
	{                                                      \
		name, offsetof(st, field), -1, INT64_MAX >> 16 \
	}

static const struct number connection_numbers[] = {
    COUNT(struct books, "opened", opened), COUNT(struct books, "reused", reused),
    COUNT(struct books, "tls_full", tls_full), COUNT(struct books, "tls_resumed", tls_resumed)};
static const struct number byte_numbers[] = {COUNT(struct books, "sent", bytes_sent),
                                             COUNT(struct books, "received", bytes_received)};
static const struct number live_numbers[] = {
    COUNT(struct books, "in_flight", in_flight), COUNT(struct books, "pending", pending),
    COUNT(struct books, "picked", picked), COUNT(struct books, "late_unsent", late_unsent),
    COUNT(struct books, "last_sent_ns", last_sent)};
static const struct number health_numbers[] = {
    KNOWN(struct health, "elapsed_ns", elapsed),
    KNOWN(struct health, "cpu_ns", cpu),
    KNOWN(struct health, "throttled_ns", throttled),
    KNOWN(struct health, "run_queue_ns", run_queue),
    KNOWN(struct health, "steal_ns", steal),
    KNOWN(struct health, "loop_lag_p99_ns", loop_lag_p99),
    KNOWN(struct health, "retransmits", retransmits),
    KNOWN(struct health, "segments", segments),
    KNOWN(struct health, "fd_exhausted", fd_exhausted),
    KNOWN(struct health, "port_exhausted", port_exhausted),
};
static const struct number clock_numbers[] = {
    KNOWN(struct report, "error_ns", clock_error),
    KNOWN(struct report, "round_trip_ns", round_trip),
    KNOWN(struct report, "start_lag_ns", start_lag),
};

static struct json_object *write_numbers(const struct number *n, size_t count, const void *from)
{
	struct json_object *o = json_object_new_object();
	bool good = true;

	for (size_t i = 0; good && i < count; i++) {
		int64_t value;

		memcpy(&value, (const char *)from + n[i].off, sizeof value);
		good = doc_put(o, n[i].name, json_object_new_int64(value));
	}
	return doc_close(o, good);
}
#define WRITE_NUMBERS(rows, from) write_numbers(rows, SQ_LEN(rows), from)

static int read_numbers(struct members *m, const char *name, const char *what, const struct number *n,
                        size_t count, void *to)
{
	struct members group = members_within(m, name, what);

	for (size_t i = 0; i < count; i++) {
		int64_t value = members_int(&group, n[i].name, n[i].min, n[i].max);

		memcpy((char *)to + n[i].off, &value, sizeof value);
	}
	return members_end(&group);
}
#define READ_NUMBERS(m, name, rows, to) read_numbers(m, name, "report." name, rows, SQ_LEN(rows), to)

/* --- the report ------------------------------------------------------------------------------ */

static struct json_object *write_problem(const struct report *r)
{
	struct json_object *o = json_object_new_object();

	return doc_close(o, doc_put_text(o, "reason", r->reason) &&
	                        doc_put_foreign(o, "detail", r->detail, strlen(r->detail)));
}

static bool put_identity(struct json_object *o, const struct report *r)
{
	return doc_put_text(o, "uid", r->uid) && doc_put_count(o, "seq", r->seq) &&
	       doc_put_text(o, "state", worker_state_word[r->state]) && doc_put_count(o, "epoch", r->epoch) &&
	       doc_put_count(o, "fence", r->fence) &&
	       doc_put(o, "elapsed_ns", json_object_new_int64(r->elapsed)) &&
	       doc_put(o, "final", json_object_new_boolean(r->final)) &&
	       doc_put(o, "stop_ack", json_object_new_boolean(r->stop_ack)) &&
	       (*r->reason ? doc_put(o, "problem", write_problem(r)) : doc_put_null(o, "problem")) &&
	       doc_put(o, "clock", WRITE_NUMBERS(clock_numbers, r)) &&
	       doc_put(o, "health", WRITE_NUMBERS(health_numbers, &r->health));
}

static bool put_books(struct json_object *o, const struct books *b, bool samples)
{
	return doc_put(o, "ledger", ledger_write(&b->ledger)) &&
	       doc_put(o, "status", ledger_write_statuses(b->status)) && doc_put(o, "hist", write_hists(b)) &&
	       doc_put(o, "connections", WRITE_NUMBERS(connection_numbers, b)) &&
	       doc_put(o, "bytes", WRITE_NUMBERS(byte_numbers, b)) &&
	       doc_put(o, "live", WRITE_NUMBERS(live_numbers, b)) &&
	       doc_put(o, "slowest", write_samples(b->slowest, samples ? b->slowest_count : 0)) &&
	       doc_put(o, "errors", write_errors(b, samples));
}

static struct json_object *write_books(const struct books *b)
{
	struct json_object *o = json_object_new_object();

	return doc_close(o, put_books(o, b, false));
}

/* The warm-up, and the requests one by one. */
static bool put_parts(struct json_object *o, const struct report *r)
{
	struct json_object *requests = json_object_new_array();
	bool good = r->warmup ? doc_put(o, "warmup", write_books(r->warmup)) : doc_put_null(o, "warmup");

	for (uint32_t i = 0; good && i < r->request_count; i++)
		good = doc_append(requests, write_books(r->requests[i]));
	return doc_put(o, "requests", requests) && good;
}

int report_write(const struct report *r, struct buf *out)
{
	struct json_object *o = json_object_new_object();
	const char *text = NULL;
	size_t len = 0;

	o = doc_close(o, put_identity(o, r) && put_books(o, r->books, true) && put_parts(o, r));
	if (o)
		text = doc_text(o, &len);
	if (text)
		buf_add(out, text, len);
	json_object_put(o);
	return text && !buf_failed(out) ? 0 : -ENOMEM;
}

static int read_problem(struct members *m, struct report *r)
{
	struct json_object *doc = members_object(m, "problem", true);
	struct members problem;

	if (!doc)
		return 0;
	problem = members_of(doc, "report.problem", m->err);
	members_text(&problem, "reason", r->reason, sizeof r->reason);
	members_text(&problem, "detail", r->detail, sizeof r->detail);
	if (!*r->reason)
		members_refuse(&problem, "reason", "is empty");
	return members_end(&problem);
}

static int read_identity(struct members *m, struct report *r)
{
	int status;

	members_name(m, "uid", r->uid, sizeof r->uid, false);
	r->seq = members_count(m, "seq", MEMBERS_COUNT_MAX);
	r->state = (enum worker_state)members_word(m, "state", worker_state_word, WORKER_STATES);
	r->epoch = members_count(m, "epoch", MEMBERS_COUNT_MAX);
	r->fence = members_count(m, "fence", MEMBERS_COUNT_MAX);
	r->elapsed = members_int(m, "elapsed_ns", 0, ELAPSED_MAX);
	r->final = members_bool(m, "final");
	r->stop_ack = members_bool(m, "stop_ack");
	if (m->status == 0 && r->seq == 0)
		members_refuse(m, "seq", "is 0; the first is 1");
	status = read_problem(m, r);
	status = status < 0 ? status : READ_NUMBERS(m, "clock", clock_numbers, r);
	return status < 0 ? status : READ_NUMBERS(m, "health", health_numbers, &r->health);
}

/* The members of m that are books. */
static int read_books(struct members *m, struct books *b)
{
	struct json_object *ledger = members_object(m, "ledger", false);
	struct json_object *status = members_object(m, "status", false);
	struct json_object *hist = members_object(m, "hist", false);
	struct json_object *slowest = members_array(m, "slowest", BOOKS_SAMPLES, false);
	struct json_object *errors = members_object(m, "errors", false);
	int r = m->status;

	r = r < 0 ? r : READ_NUMBERS(m, "connections", connection_numbers, b);
	r = r < 0 ? r : READ_NUMBERS(m, "bytes", byte_numbers, b);
	r = r < 0 ? r : READ_NUMBERS(m, "live", live_numbers, b);
	r = r < 0 ? r : ledger_read(ledger, &b->ledger, m->err);
	r = r < 0 ? r : ledger_read_statuses(status, "report.status", b->status, m->err);
	r = r < 0 ? r : read_hists(hist, b, m->err);
	r = r < 0 ? r : read_samples(slowest, b->slowest, &b->slowest_count, m->err);
	return r < 0 ? r : read_errors(errors, b, m->err);
}

static int read_part(struct json_object *doc, const char *what, struct books **ret, struct sq_err *err)
{
	struct members m = members_of(doc, what, err);
	int status = m.status;

	if (status < 0)
		return status;
	*ret = books_new(0);
	if (!*ret)
		return -ENOMEM;
	status = read_books(&m, *ret);
	return status < 0 ? status : members_end(&m);
}

static int read_parts(struct members *m, struct report *r)
{
	struct json_object *warmup = members_object(m, "warmup", true);
	struct json_object *requests = members_array(m, "requests", PLAN_REQUESTS_MAX, false);
	size_t count = requests ? json_object_array_length(requests) : 0;
	int status = m->status;

	if (status == 0 && warmup)
		status = read_part(warmup, "report.warmup", &r->warmup, m->err);
	if (status < 0 || count == 0)
		return status;
	r->requests = calloc(count, sizeof *r->requests);
	if (!r->requests)
		return -ENOMEM;
	r->request_count = (uint32_t)count;
	for (size_t i = 0; status == 0 && i < count; i++)
		status = read_part(json_object_array_get_idx(requests, i), "report.requests", &r->requests[i],
		                   m->err);
	return status;
}

static int read_report(struct json_object *doc, struct books *books, struct report *out, struct sq_err *err)
{
	struct members m = members_of(doc, "report", err);
	struct report r = {.books = books};
	int status = m.status;

	status = status < 0 ? status : read_identity(&m, &r);
	status = status < 0 ? status : read_books(&m, r.books);
	status = status < 0 ? status : read_parts(&m, &r);
	status = status < 0 ? status : members_end(&m);
	if (status == 0) {
		*out = r;
	} else {
		r.books = NULL; /* the caller's */
		report_free(&r);
	}
	return status;
}

int report_read_into(struct sq_slice text, struct books *books, struct report *out, struct sq_err *err)
{
	struct json_object *doc = NULL;
	int r;

	books_reset(books);
	if (text.len > REPORT_TEXT_MAX)
		return sq_fail(err, -EINVAL, "the report is %zu bytes long; the most is %d", text.len,
		               REPORT_TEXT_MAX);
	r = doc_parse(text, DEPTH_MAX, &doc, err);
	if (r == 0)
		r = read_report(doc, books, out, err);
	json_object_put(doc);
	return r;
}

int report_read(struct sq_slice text, struct report *out, struct sq_err *err)
{
	struct books *books = books_new(0);
	int r = books ? report_read_into(text, books, out, err) : -ENOMEM;

	if (r < 0)
		books_free(books);
	return r;
}

void report_free(struct report *r)
{
	books_free(r->books);
	books_free(r->warmup);
	for (uint32_t i = 0; i < r->request_count; i++)
		books_free(r->requests[i]);
	free(r->requests);
	*r = (struct report){0};
}
