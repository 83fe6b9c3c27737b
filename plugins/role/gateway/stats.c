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

/* {"total_hits": N}, and nothing else that the target may say. */
static struct json_object *stats_document(struct sq_slice answer)
{
	struct json_object *o = NULL, *hits, *ret = NULL;

	if (doc_parse(answer, 4, &o, NULL) == 0 && json_object_is_type(o, json_type_object)) {
		hits = json_object_object_get(o, "total_hits");
		if (json_object_is_type(hits, json_type_int)) {
			ret = json_object_new_object();
			ret = doc_close(ret, doc_put(ret, "total_hits", json_object_get(hits)));
		}
	}
	json_object_put(o);
	return ret;
}

static void stats_fetched(struct sq_op *op, int status)
{
	struct stats *s = sq_container(op, struct stats, fetch.op);
	struct json_object *doc = NULL;

	if (status >= 0 && s->fetch.status == 200)
		doc = stats_document(s->fetch.answer);
	if (doc)
		answer_json(&s->call, 200, doc);
	else if (status >= 0)
		answer_problem(
		    &s->call, 502,
		    "%s answered %d, not {\"total_hits\": N}: is TARGET_URL that of squall's target?", s->url,
		    s->fetch.status);
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
