/*
 * api.h - requests to the API server of a Kubernetes cluster, as JSON.
 *
 * Every request may be repeated: names are given by us, changes name the version they were decided
 * upon. So trouble on the way (no connection, 429, 5xx, a lost answer, a POST that raced with a quota) is met
 * by trying again with back-off, or after the Retry-After that the server gave, until the call's deadline; so
 * is, soon after such trouble, a 403 about rights: a server that comes up has not read them yet.
 *
 * Loop thread only.
 */
#ifndef KUBERNETES_API_H
#define KUBERNETES_API_H

#include <stdbool.h>
#include <stdint.h>

#include <squall/host.h>
#include <squall/util.h>

#include "core/base/backoff.h"
#include "core/base/buf.h"
#include "plugins/common/fetch.h"

struct json_object;

#define API_WHY 400
#define API_TIMEOUT (20 * SQ_S) /* of a call, all tries together */

/* Where the server is and who we are. Strings are borrowed; "" = not given. */
struct api_access {
	const char *server; /* "" = that of the cluster we run in */
	const char *ca, *cert, *key; /* paths */
	const char *token_file; /* read again for each request: it is rotated */
	const char *token; /* used when there is no file */
};

struct api {
	const struct sq_host *host;
	struct fetcher *fetcher;
	struct fetch_tls tls;
	struct api_access access;
	char server[300]; /* "https://10.96.0.1:443" */
	char agent[64];
	struct buf token; /* "Authorization: Bearer ..." */
	int64_t troubled; /* monotonic ns: when it was last not there, or in trouble; 0 = never */
};

/* 0, or -EINVAL with what is missing and how to give it, or -ENOMEM. a is zeroed or freed before. */
int api_init(struct api *a, const struct sq_host *host, const struct api_access *access, struct sq_err *err);
void api_troubled(struct api *a); /* the server is not there, or in trouble: a watch has seen it */
void api_free(struct api *a); /* what is under way is forgotten; harmless when not initialised */

/*
 * One call. Zero it, fill "in", start it; it may be used anew inside done(). status:
 *
 *     0               2xx
 *     -ENOENT         404
 *     -EEXIST         409, there is one of that name
 *     -SQ_ECONFLICT   409, it changed since it was read; not of POST
 *     -SQ_EGONE       410
 *     -EACCES         401 and 403: rights, or a quota
 *     -EINVAL         400, 422 and what else is no use to repeat
 *     -EHOSTUNREACH   the server did not answer, or was in trouble, until the deadline
 *     -EBADMSG        its answer is not JSON
 *     -ENOMEM
 */
struct api_call {
	/* in */
	const char *method;
	struct buf path; /* "/api/v1/..." the call's, freed when it ends */
	struct json_object *body; /* the call's, put when it ends; NULL for none */
	bool patch; /* body is a JSON merge patch (RFC 7386) */
	int64_t timeout; /* 0: API_TIMEOUT */
	/* answer: the document, NULL without one; valid inside done(), why too. */
	void (*done)(struct api_call *c, int status, struct json_object *answer);
	/* out */
	int http; /* 0 = no answer */
	char why[API_WHY]; /* for people: what the server said, or why there was no answer */

	struct { /* the api's */
		struct api *api;
		struct fetch fetch;
		struct sq_timer retry;
		struct backoff backoff;
		int64_t deadline;
		bool busy, fetching;
		struct buf text;
		const char *headers[4];
		char accept[40];
	} own;
};

void api_call(struct api *a, struct api_call *c); /* done() follows, never inside */
/* done() does not run any more. Harmless when it is not under way. */
void api_forget(struct api_call *c);
static inline bool api_busy(const struct api_call *c)
{
	return c->own.busy;
}

/* For watches: what a request needs to be let in. The strings live until the next call of this. 0, -ENOMEM,
 * or what kept the token from being read; why says so. */
int api_authorize(struct api *a, const char *headers[4], char why[API_WHY]);
/* ns to wait, of an answer that names a number of seconds; else 0. Inside done(). */
int64_t api_retry_after(const struct fetch *rq);

/* The message of a Status document, or "". */
const char *api_message(struct json_object *answer);

#endif
