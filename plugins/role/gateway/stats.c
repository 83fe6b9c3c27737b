/* stats.c - GET /stats: the spec's quick start asks the gateway, which asks the target. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/url.h"
#include "gateway.h"
#include "plugins/common/doc.h"

#define STATS_TIMEOUT (10 * SQ_S)

struct stats {
	struct call call;
	struct fetch fetch;
	char url[320];
};

/* The N of {"total_hits": N}, whatever else the target says. 0, -EBADMSG or -ENOMEM. */
static int stats_read(struct sq_slice answer, int64_t *ret)
{
	struct json_object *o = NULL, *hits;
	int r = doc_parse(answer, 4, &o, NULL);

	if (r < 0)
		return r;
	hits = json_object_is_type(o, json_type_object) ? json_object_object_get(o, "total_hits") : NULL;
	if (json_object_is_type(hits, json_type_int))
		*ret = json_object_get_int64(hits);
	else
		r = -EBADMSG;
	json_object_put(o);
	return r;
}

static void stats_answer(struct stats *s)
{
	struct json_object *o;
	int64_t hits = 0;
	int r = s->fetch.status == 200 ? stats_read(s->fetch.answer, &hits) : -EBADMSG;

	if (r == -ENOMEM) {
		answer_memory(&s->call);
	} else if (r < 0) {
		answer_problem(
		    &s->call, 502,
		    "%s answered %d, not {\"total_hits\": N}: is TARGET_URL that of squall's target?", s->url,
		    s->fetch.status);
	} else {
		o = json_object_new_object();
		answer_json(&s->call, 200,
		            doc_close(o, doc_put(o, "total_hits", json_object_new_int64(hits))));
	}
}

static void stats_fetched(struct sq_op *op, int status)
{
	struct stats *s = sq_container(op, struct stats, fetch.op);

	if (status >= 0)
		stats_answer(s);
	else
		answer_problem(&s->call, 502, "%s cannot be reached (%s): is the target running there?",
		               s->url, s->fetch.why ? s->fetch.why : strerror(-status));
	call_end(&s->call);
}

/* The path that belongs to the target's origin, whatever path is loaded. False: answered. */
static bool stats_url(struct stats *s)
{
	struct sq_err err;
	struct url url;

	if (url_parse(s->call.gw->conf->target_url, &url, &err) < 0) {
		answer_problem(&s->call, 502, "this gateway has no target to ask: set TARGET_URL");
		return false;
	}
	snprintf(s->url, sizeof s->url, "%s://%s/stats", url.tls ? "https" : "http", url.authority);
	return true;
}

void handle_stats(void *self, struct sq_http *rq)
{
	struct gateway *gw = gateway_of(self);
	struct stats *s = call_begin(gw, rq, sizeof *s);

	if (!s)
		return;
	if (!stats_url(s)) {
		call_end(&s->call);
		return;
	}
	s->fetch.op.done = stats_fetched;
	s->fetch.op.timeout = STATS_TIMEOUT;
	s->fetch.method = "GET";
	s->fetch.url = s->url;
	s->fetch.max_answer = 4096;
	call_submitted(&s->fetch.op, fetch_start(gw->fetcher, &s->fetch));
}
