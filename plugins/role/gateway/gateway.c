/* gateway.c - the role "gateway": the API that people and programs use. Options, routes, life. */
#include "gateway.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define GATEWAY_MAGIC 0x67617465u

enum { SHARED_AUTO, SHARED_YES, SHARED_NO };
static const char *const shared_words[] = {"auto", "yes", "no", NULL};

static const struct sq_opt gateway_opts[] = {
    SQ_STRING(struct gateway_conf, target_url, "http://target-api:8000/hit",
              "The target of a test that names none, which may always be loaded. GET /stats asks it, too.",
              .env = "TARGET_URL"),
    SQ_LIST(
        struct gateway_conf, allowed_targets, NULL,
        "Other targets that may be loaded: \"http://host:port\", \"host\", \"host:port\", \"*.example.com\" "
        "(public addresses only), \"10.0.0.0/8\"."),
    SQ_INT(struct gateway_conf, max_rate, "100000", 0, 10000000,
           "Most requests per second of one test, over all workers; 0 = no limit."),
    SQ_INT(struct gateway_conf, max_workers, "100", 0, 10000, "Most workers of one test; 0 = no limit."),
    SQ_DURATION(struct gateway_conf, max_duration, "24h", 0, 30 * 86400 * SQ_S,
                "Longest test; 0 = no limit."),
    SQ_SIZE(struct gateway_conf, max_request_body, "1M", 0, 1 << 20,
            "Longest body of a request that a test sends; 0 = no limit but the plan's."),
    SQ_INT(struct gateway_conf, max_total_rate, "0", 0, 1000000000,
           "Most requests per second of all tests that wait or run, together; 0 = no limit."),
    SQ_INT(struct gateway_conf, max_total_workers, "0", 0, 1000000,
           "Most workers of all tests that wait or run, together; 0 = no limit."),
    SQ_INT(struct gateway_conf, max_tests, "1000", 0, 1000000,
           "Most tests that wait or run; one more is answered 429. 0 = no limit."),
    SQ_PATH(struct gateway_conf, api_keys_file, "",
            "File with the SHA-256 of each API key, one a line; without it everybody is let in. Read at "
            "start."),
    SQ_ENUM(struct gateway_conf, shared_store, "auto", shared_words,
            "Whether the orchestrators use the same store, so that tests can be looked at here. auto: no "
            "when the "
            "queue reaches other machines, the store does not, and no scheduler is in this process.",
            .flags = SQ_F_EXPERT),
    SQ_INT(struct gateway_conf, max_watchers, "100", 0, 10000,
           "Most clients that follow the events of a test at the same time."),
    SQ_OPTS_END,
};

struct gateway *gateway_of(void *self)
{
	struct gateway *gw = self;

	assert(gw && gw->magic == GATEWAY_MAGIC);
	return gw;
}

static int gateway_check(const void *conf, struct sq_err *err)
{
	const struct gateway_conf *c = conf;
	struct policy *policy;
	int r = policy_new(c->allowed_targets, c->target_url, &policy, err);

	if (r == 0)
		policy_free(policy);
	return r;
}

static void gateway_free(struct gateway *gw)
{
	fetcher_free(gw->fetcher);
	keys_free(&gw->keys);
	policy_free(gw->policy);
	gw->magic = 0;
	free(gw);
}

static int gateway_create(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err)
{
	const struct gateway_conf *c = conf;
	struct gateway *gw = calloc(1, sizeof *gw);
	int r;

	if (!gw)
		return sq_fail(err, -ENOMEM, "not enough memory for a gateway");
	gw->magic = GATEWAY_MAGIC;
	gw->host = host;
	gw->conf = c;
	gw->limits = (struct limits){c->max_rate,         c->max_workers,    c->max_duration,
	                             c->max_request_body, c->max_total_rate, c->max_total_workers};
	list_init(&gw->watches);
	gw->accepted = host->counter(host->ctx, "gateway_tests_total", "Tests that were accepted.");
	gw->refused = host->counter(host->ctx, "gateway_refusals_total", "Plans that were refused.");
	gw->watching = host->gauge(host->ctx, "gateway_watchers",
	                           "Clients that follow the events of a test.");
	r = policy_new(c->allowed_targets, c->target_url, &gw->policy, err);
	if (r == 0 && fetcher_new(host->loop, "squall/" PACKAGE_VERSION, &gw->fetcher) < 0)
		r = sq_fail(err, -ENOMEM, "not enough memory for a gateway");
	if (r < 0)
		gateway_free(gw);
	else
		*ret_self = gw;
	return r;
}

/* Whether tests end where this gateway cannot see it. */
static bool is_alone(const struct gateway *gw)
{
	const struct sq_host *h = gw->host;

	if (gw->conf->shared_store != SHARED_AUTO)
		return gw->conf->shared_store == SHARED_NO;
	return (h->transport->caps & SQ_TRANSPORT_REMOTE) && (h->store->caps & SQ_STORE_MACHINE) &&
	       !h->scheduler;
}

static int gateway_start(void *self, struct sq_err *err)
{
	struct gateway *gw = gateway_of(self);

	gw->alone = is_alone(gw);
	if (gw->alone)
		SQ_WARN(gw->host, NULL,
		        "no store is shared with the orchestrators: tests are passed on, and their results "
		        "are in the "
		        "orchestrator's log alone; give both the same Redis (REDIS_HOST)");
	if (*gw->conf->api_keys_file)
		return keys_load(gw->conf->api_keys_file, &gw->keys, err);
	SQ_WARN(
	    gw->host, NULL,
	    "NO API KEYS: everybody who reaches %s can start tests and delete results; set api_keys_file, or "
	    "listen on 127.0.0.1",
	    gw->host->url(gw->host->ctx));
	return 0;
}

void gateway_left(struct gateway *gw)
{
	assert(gw->open > 0);
	if (--gw->open == 0 && gw->drain)
		gw->host->op_done(gw->host->ctx, gw->drain, 0);
}

static void gateway_drain(void *self, struct sq_op *op)
{
	struct gateway *gw = gateway_of(self);

	gw->open++;
	gw->drain = op;
	watches_end(gw);
	gateway_left(gw);
}

static void gateway_probe(void *self, struct sq_op *op, struct sq_err *err)
{
	struct gateway *gw = gateway_of(self);

	knock(&gw->knock, gw->host, gw->conf->target_url, op, err);
}

static void gateway_destroy(void *self)
{
	gateway_free(gateway_of(self));
}

/* --- what is served -------------------------------------------------------------------------- */

/* The first thing that people try; without a key, as it tells nothing. */
static void handle_root(void *self, struct sq_http *rq);

static const struct sq_route gateway_routes[] = {
    {.method = "GET", .path = "/", .handle = handle_root, .help = "Says what is served here."},
    {.method = "POST",
     .path = "/tests",
     .handle = handle_submit,
     .help = "Takes a plan and queues a test. With an Idempotency-Key, sending it again is harmless."},
    {.method = "GET",
     .path = "/tests",
     .handle = handle_list,
     .help = "Lists tests, newest first; ?state=running&limit=20&cursor=..."},
    {.method = "GET",
     .path = "/tests/{id}",
     .handle = handle_show,
     .help = "One test: its state and history, and its result when it is over."},
    {.method = "DELETE",
     .path = "/tests/{id}",
     .handle = handle_delete,
     .help = "Deletes a test that is over."},
    {.method = "POST",
     .path = "/tests/{id}/cancel",
     .handle = handle_cancel,
     .help = "Stops a test, in whatever state it is. Again is harmless."},
    {.method = "POST",
     .path = "/tests/{id}/presence",
     .handle = handle_presence,
     .help = "Whoever began a test with X-Squall-Presence: SECONDS says that it is still there."},
    {.method = "GET",
     .path = "/tests/{id}/events",
     .handle = handle_events,
     .help = "What happens to a test, as server-sent events."},
    {.method = "GET",
     .path = "/tests/{id}/timeline",
     .handle = handle_timeline,
     .help = "One point for each second of load, which it has as t; the older ones of a long test stand for "
             "all seconds since the one before. ?from=N for those from number N on."},
    {.method = "GET",
     .path = "/tests/{id}/report.json",
     .handle = handle_report_json,
     .help = "The result of a test that is over, as JSON."},
    {.method = "GET",
     .path = "/tests/{id}/report.txt",
     .handle = handle_report_txt,
     .help = "The same for people."},
    {.method = "GET",
     .path = "/tests/{id}/report.csv",
     .handle = handle_report_csv,
     .help = "The timeline as a table."},
    {.method = "GET",
     .path = "/tests/{id}/report.hgrm",
     .handle = handle_report_hgrm,
     .help = "The response times as a percentile spectrum (HdrHistogram)."},
    {.method = "GET",
     .path = "/stats",
     .handle = handle_stats,
     .help = "The hit count of the target, asked from it."},
    {.method = NULL},
};

static void handle_root(void *self, struct sq_http *rq)
{
	const struct sq_host *host = gateway_of(self)->host;
	struct buf text = {0};

	buf_printf(&text, "squall %s: load tests\n\n", host->version);
	for (const struct sq_route *r = gateway_routes; r->method; r++)
		buf_printf(&text, "%-6s %-25s  %s\n", r->method, r->path, r->help);
	buf_str(&text,
	        "\n  curl -X POST -H 'Content-Type: application/json' \\\n"
	        "    -d '{\"hits_per_sec\": 500, \"duration_sec\": 60, \"workers\": 5}' http://.../tests\n");
	if (buf_failed(&text))
		host->http->problem(rq, 503, "out of memory: try again later");
	else
		host->http->reply(rq, 200, "text/plain; charset=utf-8", text.data, text.len);
	buf_free(&text);
}

static const struct sq_role gateway_role = {
    .size = sizeof gateway_role,
    .needs = SQ_NEEDS_STORE | SQ_NEEDS_TRANSPORT,
    .routes = gateway_routes,
};

SQ_PLUGIN(role, SQ_ROLE, gateway, .version = PACKAGE_VERSION,
          .summary = "The API: takes tests, shows and cancels them", .opts = gateway_opts,
          .conf_size = sizeof(struct gateway_conf), .check = gateway_check, .create = gateway_create,
          .start = gateway_start, .drain = gateway_drain, .destroy = gateway_destroy, .probe = gateway_probe,
          .vt.role = &gateway_role);
