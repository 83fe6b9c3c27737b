/*
 * fetch.h - an HTTP client for the control plane, on the loop.
 *
 * A fetcher keeps connections alive between requests; each plugin has its own. A request is a
 * struct fetch of the caller's: fill the "in" fields, start it, read the "out" fields inside
 * op.done(). The promises are those of op.h, kept here and not by the host: done() runs exactly
 * once, on the loop, never inside fetch_start() or fetch_cancel(). Its status is
 *
 *     0              an answer came, whatever its own status says
 *     -ETIMEDOUT, -ECANCELED, -EHOSTUNREACH (no address, no connection, no TLS), -EIO
 *                    no answer, and nothing of the request had left
 *     -SQ_EUNCERTAIN no whole answer, and the other side may have seen the request
 *     -EMSGSIZE      the answer is larger than max_answer
 *     -ENOMEM
 *
 * Names are resolved on threads of libcurl's. Proxies of the environment are not used.
 */
#ifndef COMMON_FETCH_H
#define COMMON_FETCH_H

#include <stdint.h>

#include <curl/curl.h>
#include <ev.h>

#include <squall/op.h>
#include <squall/util.h>

#include "core/base/buf.h"
#include "list.h"

#define FETCH_TIMEOUT (30 * SQ_S) /* of requests that name none */
#define FETCH_SOCKETS 5 /* MAX_SOCKSPEREASYHANDLE of libcurl: most that one request watches at a time */

struct fetcher;

/* Whom to trust, and who we are: paths of PEM files, each NULL for the usual (the system's authorities,
 * no certificate). Read at each new connection. */
struct fetch_tls {
	const char *ca, *cert, *key;
};

struct fetch {
	struct sq_op op; /* done, and timeout for the whole of it (0: FETCH_TIMEOUT) */

	/* In: borrowed until done(). */
	const char *method, *url; /* http or https */
	const char *const *headers; /* "Name: value", closed by NULL; NULL for none */
	struct sq_slice body; /* data NULL: none */
	int64_t connect_timeout; /* ns for name, connection and TLS; 0: the whole timeout */
	size_t max_answer; /* most bytes of the answer's body */
	unsigned max_redirects; /* how many redirections are followed; the method stays */
	const struct fetch_tls *tls; /* NULL: the usual */
	/* For an answer that does not end: each piece of its body is given here as it comes, on the loop,
	 * and is not collected in answer. Inside, fetch_cancel() is allowed. NULL: none of this. */
	void (*piece)(struct fetch *rq, struct sq_slice bytes);
	int64_t idle_timeout; /* ns that a connection may bring nothing, 0 = no such limit; whole seconds */

	/* Out: valid inside done(). */
	int status; /* of the answer, 0 without one */
	struct sq_slice answer; /* its body */
	const char *location; /* where a redirection that was not followed leads, as a whole URL, or NULL */
	int64_t sent, answered; /* monotonic ns: right before it was sent, at the first byte that came back */
	const char *why; /* on failure, for people: "Failed to connect to 10.0.0.7 port 8001 ..." */

	struct { /* the fetcher's */
		struct fetcher *owner;
		CURL *easy;
		struct curl_slist *headers;
		struct link link;
		struct buf answer;
		struct ev_io sockets[FETCH_SOCKETS];
		char error[CURL_ERROR_SIZE];
	} own;
};

/* agent: User-Agent, e.g. "squall/1.0", borrowed. 0 or -ENOMEM. */
int fetcher_new(struct ev_loop *loop, const char *agent, struct fetcher **ret);

/* NULL is fine. What is under way is forgotten: its done() does not run. Not inside a done(). */
void fetcher_free(struct fetcher *f);

/* 0, -EINVAL (a URL or method that is none) or -ENOMEM. */
int fetch_start(struct fetcher *f, struct fetch *rq);

/* done() follows in a later turn, with -ECANCELED or -SQ_EUNCERTAIN. Only for one that was started
 * and has not ended; harmless when it is cancelled already. */
void fetch_cancel(struct fetch *rq);

/* done() does not run, and the request is the caller's again at once. Only for one that was started, has not
 * ended and was not cancelled; not inside piece(). */
void fetch_forget(struct fetch *rq);

/* Of one that was started and has not ended: the status of the answer that is coming in, 0 = none yet. */
int fetch_status(const struct fetch *rq);

/* Inside done(): the value of a header of the answer by its name in any case (the last if repeated),
 * or NULL. */
const char *fetch_header(const struct fetch *rq, const char *name);

#endif
