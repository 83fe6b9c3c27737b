/*
 * rights.c - squalld -t --connect: whether the API server is there, and lets us do what tests need.
 *
 *     GET /version -> POST SelfSubjectAccessReview, once for each right
 *
 * Nothing is made: a review is an answer, not an object.
 */
#include <errno.h>
#include <json-c/json.h>
#include <json-c/json_pointer.h>
#include <string.h>

#include "kubernetes.h"
#include "plugins/common/doc.h"

#define PATIENCE (9 * SQ_S) /* for all of it */
#define EACH (4 * SQ_S) /* for one answer, tried again meanwhile */
#define REVIEWS "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

/* What the requests of verbs.c, prepare.c, care.c and the watches are. cost: what is not to be had without,
 * NULL: no test runs. */
static const struct right {
	const char *group, *resource;
	const char *verbs[7]; /* closed by NULL */
	const char *cost;
} rights[] = {
    {"batch", "jobs", {"list", "watch", "get", "patch", "delete", "create"}, NULL},
    {"apps", "deployments", {"list", "watch", "get", "patch", "delete", "create"}, NULL},
    {"", "secrets", {"create", "get"}, NULL},
    {"networking.k8s.io", "networkpolicies", {"create"}, NULL},
    {"", "pods", {"list", "watch"}, NULL},
    {"", "pods", {"deletecollection"}, "pods that ignore SIGTERM are not ended sooner"},
    {"", "events", {"list"}, "why a quota keeps pods from coming is not told"},
};

static void finish(struct kubernetes *k, int status)
{
	struct sq_op *op = k->probe.op;

	k->probe.op = NULL;
	k->host->op_done(k->host->ctx, op, status);
}

static void begin_call(struct kubernetes *k, const char *method, const char *path, struct json_object *body,
                       void (*done)(struct api_call *c, int status, struct json_object *answer))
{
	struct api_call *c = &k->probe.call;
	int64_t left = k->probe.until - kubernetes_now(k);

	c->method = method;
	c->body = body;
	c->timeout = left < SQ_MS ? SQ_MS : left < EACH ? left : EACH;
	c->done = done;
	buf_str(&c->path, path);
	c->path.failed |= !body && strcmp(method, "POST") == 0;
	api_call(&k->api, c);
}

static void trouble(struct kubernetes *k, int status)
{
	const struct api_call *c = &k->probe.call;

	finish(k, sq_fail(k->probe.err, status, "%.350s%s", c->why,
	                  c->http == 401 ? ": is the token this cluster's, and not over?" : ""));
}

/* --- rights ---------------------------------------------------------------------------------- */

/* The kind of workload that no test is made as. */
static bool is_other(const struct kubernetes *k, const struct right *r)
{
	return strcmp(r->resource, object_plural(shape_other_kind(k->style.shape))) == 0;
}

static bool is_needed(const struct kubernetes *k, const struct right *r, const char *verb)
{
	if (strcmp(r->resource, "networkpolicies") == 0)
		return k->conf->network_policy;
	return !is_other(k, r) || strcmp(verb, "create") != 0;
}

static void conclude(struct kubernetes *k)
{
	const struct probing *p = &k->probe;
	const char *lacks = buf_failed(&p->lacks) ? "?" : p->lacks.data,
	           *spare = buf_failed(&p->spare) ? "?" : p->spare.data;

	if (lacks)
		finish(k, sq_fail(p->err, -EACCES,
		                  "the account's Role in namespace %s lacks %.300s: squalld "
		                  "--describe=scheduler/kubernetes has them all",
		                  k->conf->ns, lacks));
	else
		finish(k, sq_fail(p->err, 0, "Kubernetes 1.%d at %s, namespace %s%s%.250s", p->minor,
		                  k->api.server, k->conf->ns, spare ? "; its Role lacks " : "",
		                  spare ? spare : ""));
}

/* "list watch of jobs, create of secrets": verbs, and at the end of their row of what. */
static void note_lack(struct kubernetes *k, bool end)
{
	struct probing *p = &k->probe;
	const struct right *r = &rights[p->right];
	const char *cost = is_other(k, r) ? "tests made as such before are not seen" : r->cost;
	struct buf *list = cost ? &p->spare : &p->lacks;

	if (end)
		buf_printf(list, cost ? " of %s (%s)" : " of %s", r->resource, cost);
	else
		buf_printf(list, "%s%s", p->lacking ? " " : list->len ? ", " : "", r->verbs[p->verb]);
	p->lacking = !end;
}

static void ask_next(struct kubernetes *k);

static void reviewed(struct api_call *c, int status, struct json_object *answer)
{
	struct kubernetes *k = sq_container(c, struct kubernetes, probe.call);
	struct json_object *allowed = NULL;

	if (status < 0) {
		trouble(k, status);
		return;
	}
	if (json_pointer_get(answer, "/status/allowed", &allowed) < 0 || !json_object_get_boolean(allowed))
		note_lack(k, false);
	k->probe.verb++;
	ask_next(k);
}

static struct json_object *review(const struct kubernetes *k, const struct right *r, const char *verb)
{
	struct json_object *o = json_object_new_object(), *spec = json_object_new_object(),
	                   *what = json_object_new_object();
	bool good = doc_put_text(what, "namespace", k->conf->ns) && doc_put_text(what, "verb", verb) &&
	            doc_put_text(what, "group", r->group) && doc_put_text(what, "resource", r->resource);

	good = doc_put(spec, "resourceAttributes", doc_close(what, good));
	good = doc_put_text(o, "apiVersion", "authorization.k8s.io/v1") &&
	       doc_put_text(o, "kind", "SelfSubjectAccessReview") &&
	       doc_put(o, "spec", doc_close(spec, good));
	return doc_close(o, good);
}

static void ask_next(struct kubernetes *k)
{
	struct probing *p = &k->probe;

	for (; p->right < SQ_LEN(rights); p->right++, p->verb = 0) {
		const struct right *r = &rights[p->right];

		for (; r->verbs[p->verb]; p->verb++)
			if (is_needed(k, r, r->verbs[p->verb])) {
				begin_call(k, "POST", REVIEWS, review(k, r, r->verbs[p->verb]), reviewed);
				return;
			}
		if (p->lacking)
			note_lack(k, true);
	}
	conclude(k);
}

/* --- the server ------------------------------------------------------------------------------ */

static void answered(struct api_call *c, int status, struct json_object *answer)
{
	struct kubernetes *k = sq_container(c, struct kubernetes, probe.call);

	if (status < 0) {
		trouble(k, status);
		return;
	}
	k->probe.minor = shape_minor(answer);
	if (k->probe.minor < 0) {
		finish(k, sq_fail(k->probe.err, -EBADMSG,
		                  "%s gives no version of Kubernetes: is api_server right?", k->api.server));
		return;
	}
	k->style.shape = shape_for(k->conf, k->probe.minor);
	ask_next(k);
}

void rights_probe(struct kubernetes *k, struct sq_op *op, struct sq_err *err)
{
	k->probe = (struct probing){.op = op, .err = err, .until = kubernetes_now(k) + PATIENCE};
	begin_call(k, "GET", "/version", NULL, answered);
}

void rights_free(struct kubernetes *k)
{
	api_forget(&k->probe.call);
	buf_free(&k->probe.lacks);
	buf_free(&k->probe.spare);
}
