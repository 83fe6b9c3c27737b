/* shape.c - what the server can take: its version decides. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "kubernetes.h"

#define JOBS_SINCE 29 /* minor version from which backoffLimitPerIndex and maxFailedIndexes are there */
#define ASK_AGAIN (2 * SQ_S)

/* "1" "20+" -> 20. -1 when it is none. */
int shape_minor(struct json_object *answer)
{
	struct json_object *v = NULL;
	const char *text;
	char *end;
	long n;

	if (!json_object_object_get_ex(answer, "minor", &v) || !json_object_is_type(v, json_type_string))
		return -1;
	text = json_object_get_string(v);
	n = strtol(text, &end, 10);
	return end == text || n < 0 || n > 10000 ? -1 : (int)n;
}

enum shape shape_for(const struct kubernetes_conf *c, int minor)
{
	bool deployment = c->workload == WORKLOAD_DEPLOYMENT ||
	                  (c->workload == WORKLOAD_AUTO && minor < JOBS_SINCE);

	return deployment ? SHAPE_DEPLOYMENT : minor >= JOBS_SINCE ? SHAPE_JOB : SHAPE_JOB_PLAIN;
}

static void choose(struct kubernetes *k, int minor)
{
	k->style.shape = shape_for(k->conf, minor);
	SQ_INFO(k->host, NULL, "Kubernetes 1.%d at %s: each test is a %s in namespace %s", minor,
	        k->api.server, k->style.shape == SHAPE_DEPLOYMENT ? "Deployment" : "Job", k->conf->ns);
	if (k->style.shape == SHAPE_JOB_PLAIN)
		SQ_WARN(
		    k->host, NULL,
		    "this server is older than 1.%d: its Jobs replace a lost worker's pod, which then waits "
		    "in vain; workload = \"deployment\" does as well",
		    JOBS_SINCE);
}

static void ask(struct sq_timer *t);

static void answered(struct api_call *c, int status, struct json_object *answer)
{
	struct kubernetes *k = sq_container(c, struct kubernetes, version);
	const struct sq_host *h = k->host;
	int minor = status == 0 ? shape_minor(answer) : -1;

	if (minor < 0) {
		h->ready(h->ctx, 0, "no word from the API server");
		SQ_WARN(h, NULL, "no version from the API server, asking on: %s", c->why);
		k->ask_again.fire = ask;
		h->timer_start(h->ctx, &k->ask_again, ASK_AGAIN);
		return;
	}
	choose(k, minor);
	k->shaped = true;
	kubernetes_shaped(k);
}

static void ask(struct sq_timer *t)
{
	shape_ask(sq_container(t, struct kubernetes, ask_again));
}

void shape_ask(struct kubernetes *k)
{
	k->version.method = "GET";
	buf_str(&k->version.path, "/version");
	k->version.done = answered;
	api_call(&k->api, &k->version);
}
