/* api.c - one JSON request after the other, each until it is answered. */
#include "api.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugins/common/doc.h"

#define ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"
#define ANSWER_MAX (64u << 20)
#define TRY_TIMEOUT (10 * SQ_S)
#define COMING_UP (15 * SQ_S) /* how long after trouble a server may still not know who has which rights */
#define DEPTH 64

/* --- who we are ------------------------------------------------------------------------------ */

static int find_server(struct api *a, struct sq_err *err)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
	bool v6 = host && strchr(host, ':');

	if (*a->access.server) {
		snprintf(a->server, sizeof a->server, "%s", a->access.server);
		for (size_t n = strlen(a->server); n > 0 && a->server[n - 1] == '/'; n--)
			a->server[n - 1] = '\0';
		return 0;
	}
	if (!host || !*host || !port || !*port)
		return sq_fail(
		    err, -EINVAL,
		    "not in a cluster (KUBERNETES_SERVICE_HOST is not set): give api_server, ca and "
		    "token_file, or run this in a pod");
	snprintf(a->server, sizeof a->server, v6 ? "https://[%s]:%s" : "https://%s:%s", host, port);
	return 0;
}

static const char *path_or(const char *given, const char *otherwise)
{
	return *given ? given : otherwise;
}

int api_init(struct api *a, const struct sq_host *host, const struct api_access *access, struct sq_err *err)
{
	bool inside = !*access->server;
	int r;

	*a = (struct api){.host = host, .access = *access};
	r = find_server(a, err);
	if (r < 0)
		return r;
	if (inside && !*access->token && !*access->cert)
		a->access.token_file = path_or(access->token_file, ACCOUNT "/token");
	a->tls.ca = path_or(access->ca, inside ? ACCOUNT "/ca.crt" : "");
	a->tls.cert = access->cert;
	a->tls.key = access->key;
	if (!*a->tls.ca)
		a->tls.ca = NULL;
	if (!*a->tls.cert)
		a->tls.cert = NULL;
	if (!*a->tls.key)
		a->tls.key = NULL;
	snprintf(a->agent, sizeof a->agent, "squall/%s", host->version);
	r = fetcher_new(host->loop, a->agent, &a->fetcher);
	return r < 0 ? sq_fail(err, r, "not enough memory") : 0;
}

void api_free(struct api *a)
{
	fetcher_free(a->fetcher);
	a->fetcher = NULL;
	if (a->token.data)
		explicit_bzero(a->token.data, a->token.cap);
	buf_free(&a->token);
}

/* A projected token is a small file in memory that is replaced before it runs out. */
static int read_token(struct api *a, char why[API_WHY])
{
	char text[16384];
	int fd = open(a->access.token_file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	int r = n < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	while (n > 0 && strchr("\r\n \t", text[n - 1]))
		n--;
	if (n > 0)
		buf_printf(&a->token, "%.*s", (int)n, text);
	explicit_bzero(text, sizeof text);
	if (n > 0)
		return 0;
	snprintf(why, API_WHY, "no token in %s: %s", a->access.token_file,
	         r < 0 ? strerror(-r) : "the file is empty");
	return r < 0 ? r : -ENODATA;
}

int api_authorize(struct api *a, const char *headers[4], char why[API_WHY])
{
	size_t n = 0;
	int r = 0;

	headers[n++] = "Accept: application/json";
	headers[n] = NULL;
	buf_reset(&a->token);
	if (!*a->access.token_file && !*a->access.token)
		return 0;
	buf_str(&a->token, "Authorization: Bearer ");
	if (*a->access.token_file)
		r = read_token(a, why);
	else
		buf_str(&a->token, a->access.token);
	if (r < 0)
		return r;
	if (buf_failed(&a->token)) {
		snprintf(why, API_WHY, "not enough memory");
		return -ENOMEM;
	}
	headers[n++] = a->token.data;
	headers[n] = NULL;
	return 0;
}

/* --- what an answer means -------------------------------------------------------------------- */

static const char *text_of(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, name, &v) ||
	    !json_object_is_type(v, json_type_string))
		return "";
	return json_object_get_string(v);
}

const char *api_message(struct json_object *answer)
{
	return strcmp(text_of(answer, "kind"), "Status") == 0 ? text_of(answer, "message") : "";
}

static int meaning(const char *method, int http, struct json_object *answer)
{
	bool exists = strcmp(text_of(answer, "reason"), "AlreadyExists") == 0;

	if (http >= 200 && http < 300)
		return 0;
	switch (http) {
	case 404:
		return -ENOENT;
	case 409:
		/* What is made names no version: somebody else changed the count of a quota at the same time.
		 */
		return exists ? -EEXIST : strcmp(method, "POST") == 0 ? -EHOSTUNREACH : -SQ_ECONFLICT;
	case 410:
		return -SQ_EGONE;
	case 401:
	case 403:
		return -EACCES;
	case 429:
		return -EHOSTUNREACH;
	default:
		return http >= 500 ? -EHOSTUNREACH : -EINVAL;
	}
}

/* --- a call ---------------------------------------------------------------------------------- */

static void finish(struct api_call *c, int status, struct json_object *answer)
{
	struct buf path = c->path;
	struct json_object *body = c->body;
	struct buf text = c->own.text;

	c->own.busy = false;
	c->path = c->own.text = (struct buf){0};
	c->body = NULL;
	c->done(c, status, answer);
	json_object_put(body);
	buf_free(&path);
	if (text.data)
		explicit_bzero(text.data, text.cap); /* may hold a secret */
	buf_free(&text);
}

static void attempt(struct api_call *c);

static void try_again(struct sq_timer *t)
{
	attempt(sq_container(t, struct api_call, own.retry));
}

/* False when the deadline would be over by then. */
static bool retry(struct api_call *c, int64_t after)
{
	const struct sq_host *h = c->own.api->host;
	int64_t wait = backoff_next(&c->own.backoff);

	if (after > wait)
		wait = after;
	if (h->now(h->ctx) + wait >= c->own.deadline)
		return false;
	c->own.retry.fire = try_again;
	h->timer_start(h->ctx, &c->own.retry, wait);
	return true;
}

int64_t api_retry_after(const struct fetch *rq)
{
	const char *text = fetch_header(rq, "Retry-After");
	long seconds = text ? strtol(text, NULL, 10) : 0;

	return seconds > 0 && seconds < 3600 ? seconds * SQ_S : 0;
}

void api_troubled(struct api *a)
{
	a->troubled = a->host->now(a->host->ctx);
}

/* A server that has just come up knows nobody's rights yet, and refuses what it will allow in a moment. */
static bool is_too_early(const struct api_call *c)
{
	const struct api *a = c->own.api;

	return c->http == 403 && strstr(c->why, " cannot ") && a->troubled > 0 &&
	       a->host->now(a->host->ctx) - a->troubled < COMING_UP;
}

static void answered(struct sq_op *op, int status)
{
	struct api_call *c = sq_container(op, struct api_call, own.fetch.op);
	const struct fetch *rq = &c->own.fetch;
	struct json_object *answer = NULL;
	struct sq_err err;
	int r;

	c->own.fetching = false;
	c->http = rq->status;
	if (status < 0 || rq->status >= 500)
		api_troubled(c->own.api);
	if (status < 0) {
		snprintf(c->why, sizeof c->why, "no answer from %s: %s", c->own.api->server, rq->why);
		if (status == -ENOMEM)
			finish(c, -ENOMEM, NULL);
		else if (!retry(c, 0))
			finish(c, -EHOSTUNREACH, NULL);
		return;
	}
	r = doc_parse(rq->answer, DEPTH, &answer, &err);
	status = meaning(c->method, rq->status, r == 0 ? answer : NULL);
	snprintf(c->why, sizeof c->why, "the API server answered %d%s%.300s", rq->status,
	         *api_message(answer) ? ": " : "", api_message(answer));
	if ((status == -EHOSTUNREACH || is_too_early(c)) && retry(c, api_retry_after(rq))) {
		json_object_put(answer);
		return;
	}
	if (status == 0 && r < 0)
		status = r;
	finish(c, status, answer);
	json_object_put(answer);
}

static int start_try(struct api_call *c)
{
	struct api *a = c->own.api;
	struct fetch *f = &c->own.fetch;
	int64_t left = c->own.deadline - a->host->now(a->host->ctx);
	size_t n = 0;
	int r = api_authorize(a, c->own.headers, c->why);

	left = left < SQ_MS ? SQ_MS : left < TRY_TIMEOUT ? left : TRY_TIMEOUT;
	if (r < 0)
		return r;
	while (c->own.headers[n])
		n++;
	if (c->body) {
		c->own.headers[n++] = c->patch ? "Content-Type: application/merge-patch+json"
		                               : "Content-Type: application/json";
		c->own.headers[n] = NULL;
	}
	*f = (struct fetch){.op = {.done = answered, .timeout = left},
	                    .method = c->method,
	                    .url = c->path.data,
	                    .headers = c->own.headers,
	                    .body = {c->body ? c->own.text.data : NULL, c->own.text.len},
	                    .max_answer = ANSWER_MAX,
	                    .tls = &a->tls};
	r = fetch_start(a->fetcher, f);
	if (r < 0)
		snprintf(c->why, sizeof c->why,
		         r == -ENOMEM ? "not enough memory" : "\"%.300s\" is no URL (option api_server)",
		         c->path.data);
	return r;
}

/* Want of memory and a token that is not there may pass. */
static void attempt(struct api_call *c)
{
	bool whole = !buf_failed(&c->path) && !buf_failed(&c->own.text);
	int r = whole ? start_try(c) : -ENOMEM;

	if (!whole)
		snprintf(c->why, sizeof c->why, "not enough memory");
	if (r == 0)
		c->own.fetching = true;
	else if (!whole || !retry(c, 0))
		finish(c, r == -ENOMEM ? r : -EHOSTUNREACH, NULL);
}

static void prefix(struct buf *path, const char *server)
{
	struct buf whole = {0};

	buf_printf(&whole, "%s%s", server, path->data ? path->data : "");
	whole.failed |= path->failed;
	buf_free(path);
	*path = whole;
}

void api_call(struct api *a, struct api_call *c)
{
	const struct sq_host *h = a->host;
	int64_t now = h->now(h->ctx);

	memset(&c->own, 0, sizeof c->own);
	c->own.api = a;
	c->own.busy = true;
	c->own.backoff = (struct backoff){.base = 200 * SQ_MS, .ceiling = 5 * SQ_S, .seed = (uint64_t)now};
	c->own.deadline = now + (c->timeout ? c->timeout : API_TIMEOUT);
	c->http = 0;
	c->why[0] = '\0';
	prefix(&c->path, a->server);
	if (c->body) {
		size_t len = 0;
		const char *text = doc_text(c->body, &len);

		if (text)
			buf_add(&c->own.text, text, len);
		else
			c->own.text.failed = true;
	}
	c->own.retry.fire = try_again; /* in the next turn: done() may not run inside */
	h->timer_start(h->ctx, &c->own.retry, 0);
}

void api_forget(struct api_call *c)
{
	const struct sq_host *h;

	if (!c->own.busy)
		return;
	h = c->own.api->host;
	h->timer_stop(h->ctx, &c->own.retry);
	c->own.busy = false;
	if (c->own.fetching)
		fetch_forget(&c->own.fetch);
	c->own.fetching = false;
	json_object_put(c->body);
	c->body = NULL;
	buf_free(&c->path);
	buf_free(&c->own.text);
}
