/*
 * fetch.c - libcurl's multi interface between our requests and the loop.
 *
 * libcurl says which sockets to watch and when to wake it; completions are collected after each
 * call into it, so no callback of libcurl ever reaches a done().
 */
#include "fetch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FETCH_CONNECTIONS 16 /* kept alive when idle */

struct fetcher {
	struct ev_loop *loop;
	const char *agent;
	CURLM *multi;
	struct ev_timer timer; /* libcurl's next deadline */
	struct ev_timer soon; /* runs when something was cancelled */
	struct link running, cancelled; /* requests */
};

static int64_t fetch_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SQ_S + ts.tv_nsec;
}

/* --- the end of a request -------------------------------------------------------------------- */

/* Whether anything of the request may have reached the other side. */
static bool fetch_left(const struct fetch *rq)
{
	long bytes = 0;

	curl_easy_getinfo(rq->own.easy, CURLINFO_REQUEST_SIZE, &bytes);
	return bytes > 0;
}

static int fetch_result(const struct fetch *rq, CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLE_WRITE_ERROR: /* fetch_take() stopped it */
		return buf_failed(&rq->own.answer) ? -ENOMEM : -EMSGSIZE;
	case CURLE_ABORTED_BY_CALLBACK: /* fetch_cancel() */
		return fetch_left(rq) ? -SQ_EUNCERTAIN : -ECANCELED;
	case CURLE_OPERATION_TIMEDOUT:
		return fetch_left(rq) ? -SQ_EUNCERTAIN : -ETIMEDOUT;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
		return -EHOSTUNREACH;
	default:
		return fetch_left(rq) ? -SQ_EUNCERTAIN : -EIO;
	}
}

int fetch_status(const struct fetch *rq)
{
	long status = 0;

	curl_easy_getinfo(rq->own.easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

static void fetch_fill(struct fetch *rq, CURLcode code)
{
	char *location = NULL;

	curl_easy_getinfo(rq->own.easy, CURLINFO_REDIRECT_URL, &location);
	rq->status = fetch_status(rq);
	rq->location = location;
	rq->answer = (struct sq_slice){rq->own.answer.data, rq->own.answer.len};
	rq->why = rq->own.error[0] ? rq->own.error : curl_easy_strerror(code);
}

/* rq is in no list; inside done() it may be freed or started anew, so what done() may read is held
 * from here on by this function alone. */
static void fetch_end(struct fetch *rq, CURLcode code)
{
	CURL *easy = rq->own.easy;
	struct curl_slist *headers = rq->own.headers;
	struct buf answer;
	int status = fetch_result(rq, code);

	fetch_fill(rq, code);
	answer = rq->own.answer;
	rq->op.done(&rq->op, status);
	curl_easy_cleanup(easy);
	curl_slist_free_all(headers);
	buf_free(&answer);
}

/* After this libcurl knows nothing of the request, its sockets included. */
static void fetch_detach(struct fetch *rq)
{
	curl_multi_remove_handle(rq->own.owner->multi, rq->own.easy);
	for (size_t i = 0; i < SQ_LEN(rq->own.sockets); i++)
		assert(!ev_is_active(&rq->own.sockets[i]));
	list_remove(&rq->own.link);
}

static struct fetch *fetch_of(CURL *easy)
{
	struct fetch *rq = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &rq);
	assert(rq && rq->own.easy == easy);
	return rq;
}

/* A request whose body is handed over as it comes, and of which something came. */
static struct fetch *fetcher_piece(struct fetcher *f)
{
	for (struct link *l = f->running.next; l != &f->running; l = l->next) {
		struct fetch *rq = sq_container(l, struct fetch, own.link);

		if (rq->piece && rq->own.answer.len > 0)
			return rq;
	}
	return NULL;
}

static void fetcher_hand_over(struct fetcher *f)
{
	struct fetch *rq;

	while ((rq = fetcher_piece(f)) != NULL) {
		struct buf bytes = rq->own.answer;

		rq->own.answer = (struct buf){0};
		rq->piece(rq, (struct sq_slice){bytes.data, bytes.len});
		buf_free(&bytes);
	}
}

static void fetcher_collect(struct fetcher *f)
{
	CURLMsg *m;
	CURLcode code;
	int left;

	fetcher_hand_over(f);
	while ((m = curl_multi_info_read(f->multi, &left))) {
		struct fetch *rq = fetch_of(m->easy_handle);

		code = m->data.result;
		fetch_detach(rq);
		fetch_end(rq, code);
	}
}

static void fetcher_soon(EV_P_ struct ev_timer *w, int revents)
{
	struct fetcher *f = sq_container(w, struct fetcher, soon);

	(void)loop;
	(void)revents;
	while (!list_empty(&f->cancelled)) {
		struct fetch *rq = sq_container(f->cancelled.next, struct fetch, own.link);

		list_remove(&rq->own.link);
		fetch_end(rq, CURLE_ABORTED_BY_CALLBACK);
	}
}

/* --- what libcurl asks of the loop ----------------------------------------------------------- */

static void fetcher_ready(EV_P_ struct ev_io *w, int revents)
{
	struct fetcher *f = w->data;
	int flags = (revents & EV_READ ? CURL_CSELECT_IN : 0) | (revents & EV_WRITE ? CURL_CSELECT_OUT : 0);
	int running;

	(void)loop;
	curl_multi_socket_action(f->multi, w->fd, flags, &running);
	fetcher_collect(f);
}

static void fetcher_due(EV_P_ struct ev_timer *w, int revents)
{
	struct fetcher *f = sq_container(w, struct fetcher, timer);
	int running;

	(void)loop;
	(void)revents;
	curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	fetcher_collect(f);
}

/* The watchers stand in the request, so that watching cannot fail. */
static struct ev_io *fetch_watcher(struct fetch *rq)
{
	size_t i = 0;

	while (ev_is_active(&rq->own.sockets[i]))
		i++;
	assert(i < SQ_LEN(rq->own.sockets));
	return &rq->own.sockets[i];
}

static int fetcher_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *assigned)
{
	struct fetcher *f = user;
	struct ev_io *w = assigned;
	int events = (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);

	if (w)
		ev_io_stop(f->loop, w);
	if (what == CURL_POLL_REMOVE)
		return 0;
	if (!w)
		w = fetch_watcher(fetch_of(easy));
	ev_io_init(w, fetcher_ready, fd, events);
	w->data = f;
	ev_io_start(f->loop, w);
	curl_multi_assign(f->multi, fd, w);
	return 0;
}

static int fetcher_timer(CURLM *multi, long ms, void *user)
{
	struct fetcher *f = user;

	(void)multi;
	ev_timer_stop(f->loop, &f->timer);
	if (ms >= 0) {
		ev_timer_set(&f->timer, (double)ms / 1000, 0);
		ev_timer_start(f->loop, &f->timer);
	}
	return 0;
}

/* --- a request ------------------------------------------------------------------------------- */

static size_t fetch_take(char *data, size_t size, size_t n, void *user)
{
	struct fetch *rq = user;

	if (!rq->piece && size * n > rq->max_answer - rq->own.answer.len)
		return CURL_WRITEFUNC_ERROR;
	buf_add(&rq->own.answer, data, size * n);
	return buf_failed(&rq->own.answer) ? CURL_WRITEFUNC_ERROR : size * n;
}

/* The first line of each answer: behind a redirection the last one counts. */
static size_t fetch_head(char *line, size_t size, size_t n, void *user)
{
	struct fetch *rq = user;

	if (size * n >= 5 && memcmp(line, "HTTP/", 5) == 0)
		rq->answered = fetch_clock();
	return size * n;
}

/* Runs right before the request is written, on a connection that stands. */
static int fetch_sending(void *user, char *remote, char *local, int remote_port, int local_port)
{
	struct fetch *rq = user;

	(void)remote, (void)local, (void)remote_port, (void)local_port;
	rq->sent = fetch_clock();
	return CURL_PREREQFUNC_OK;
}

static int fetch_headers(struct fetch *rq)
{
	/* No "Expect: 100-continue", no form type: what the caller did not ask for is left out. */
	static const char *const none[] = {"Expect:", "Content-Type:", NULL};
	struct curl_slist *list;

	for (int round = 0; round < 2; round++)
		for (const char *const *h = round ? rq->headers : none; h && *h; h++) {
			list = curl_slist_append(rq->own.headers, *h);
			if (!list)
				return -ENOMEM;
			rq->own.headers = list;
		}
	return 0;
}

/* ns to libcurl's ms, rounded up: 0 would be its own default. */
static long fetch_ms(int64_t ns)
{
	return (long)((ns + SQ_MS - 1) / SQ_MS);
}

/* The methods that announce a body even when it is empty (RFC 9110, 8.6). */
static bool fetch_has_body(const struct fetch *rq)
{
	return rq->body.data || strcmp(rq->method, "POST") == 0 || strcmp(rq->method, "PUT") == 0 ||
	       strcmp(rq->method, "PATCH") == 0;
}

/* Every option is a pointer or a long that libcurl knows; it fails for want of memory, or for a URL. */
static int fetch_options(struct fetch *rq)
{
	CURL *c = rq->own.easy;
	int64_t timeout = rq->op.timeout ? rq->op.timeout : FETCH_TIMEOUT;
	CURLcode bad = CURLE_OK;

#define SET(option, value) (bad = bad ? bad : curl_easy_setopt(c, CURLOPT_##option, value))
	SET(PRIVATE, rq);
	SET(ERRORBUFFER, rq->own.error);
	SET(NOSIGNAL, 1L);
	SET(QUICK_EXIT, 1L); /* never wait for a thread that resolves a name */
	SET(PROXY, "");
	SET(PROTOCOLS_STR, "http,https");
	SET(REDIR_PROTOCOLS_STR, "http,https");
	SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(USERAGENT, rq->own.owner->agent);
	SET(URL, rq->url);
	if (fetch_has_body(rq)) {
		SET(POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.len);
		SET(POSTFIELDS, rq->body.data ? rq->body.data : "");
	} else if (strcmp(rq->method, "HEAD") == 0) {
		SET(NOBODY, 1L);
	}
	SET(CUSTOMREQUEST, rq->method);
	SET(HTTPHEADER, rq->own.headers);
	SET(FOLLOWLOCATION, rq->max_redirects ? 1L : 0L);
	SET(MAXREDIRS, (long)rq->max_redirects);
	SET(TIMEOUT_MS, fetch_ms(timeout));
	SET(CONNECTTIMEOUT_MS, fetch_ms(rq->connect_timeout ? rq->connect_timeout : timeout));
	if (rq->idle_timeout) {
		SET(LOW_SPEED_LIMIT, 1L);
		SET(LOW_SPEED_TIME, (long)(rq->idle_timeout / SQ_S));
	}
	if (rq->tls && rq->tls->ca)
		SET(CAINFO, rq->tls->ca);
	if (rq->tls && rq->tls->cert)
		SET(SSLCERT, rq->tls->cert);
	if (rq->tls && rq->tls->key)
		SET(SSLKEY, rq->tls->key);
	SET(PREREQFUNCTION, fetch_sending);
	SET(PREREQDATA, rq);
	SET(HEADERFUNCTION, fetch_head);
	SET(HEADERDATA, rq);
	SET(WRITEFUNCTION, fetch_take);
	SET(WRITEDATA, rq);
#undef SET
	return bad == CURLE_OK ? 0 : bad == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
}

int fetch_start(struct fetcher *f, struct fetch *rq)
{
	int r;

	assert(rq->op.done && rq->method && rq->url);
	rq->status = 0;
	rq->location = rq->why = NULL;
	rq->answer = (struct sq_slice){0};
	rq->sent = rq->answered = 0;
	memset(&rq->own, 0, sizeof rq->own);
	rq->own.owner = f;
	rq->own.easy = curl_easy_init();
	r = rq->own.easy ? fetch_headers(rq) : -ENOMEM;
	if (r == 0)
		r = fetch_options(rq);
	if (r == 0 && curl_multi_add_handle(f->multi, rq->own.easy) != CURLM_OK)
		r = -ENOMEM;
	if (r < 0) {
		curl_easy_cleanup(rq->own.easy);
		curl_slist_free_all(rq->own.headers);
		return r;
	}
	list_add_last(&f->running, &rq->own.link);
	return 0;
}

void fetch_cancel(struct fetch *rq)
{
	struct fetcher *f = rq->own.owner;

	fetch_detach(rq);
	list_add_last(&f->cancelled, &rq->own.link);
	ev_timer_start(f->loop, &f->soon);
}

static void fetch_release(struct fetch *rq)
{
	curl_easy_cleanup(rq->own.easy);
	curl_slist_free_all(rq->own.headers);
	buf_free(&rq->own.answer);
}

void fetch_forget(struct fetch *rq)
{
	fetch_detach(rq);
	fetch_release(rq);
}

const char *fetch_header(const struct fetch *rq, const char *name)
{
	struct curl_header *h;

	if (curl_easy_header(rq->own.easy, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
		return NULL;
	if (h->index + 1 < h->amount &&
	    curl_easy_header(rq->own.easy, name, h->amount - 1, CURLH_HEADER, -1, &h) != CURLHE_OK)
		return NULL;
	return h->value;
}

/* --- life ------------------------------------------------------------------------------------ */

int fetcher_new(struct ev_loop *loop, const char *agent, struct fetcher **ret)
{
	struct fetcher *f;
	CURLM *multi;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	f = calloc(1, sizeof *f);
	multi = f ? curl_multi_init() : NULL;
	if (!multi) {
		free(f);
		curl_global_cleanup();
		return -ENOMEM;
	}
	f->multi = multi;
	f->loop = loop;
	f->agent = agent;
	list_init(&f->running);
	list_init(&f->cancelled);
	ev_timer_init(&f->timer, fetcher_due, 0, 0);
	ev_timer_init(&f->soon, fetcher_soon, 0, 0);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, fetcher_socket);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, fetcher_timer);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)FETCH_CONNECTIONS);
	*ret = f;
	return 0;
}

void fetcher_free(struct fetcher *f)
{
	struct fetch *rq;

	if (!f)
		return;
	while (!list_empty(&f->running)) {
		rq = sq_container(f->running.next, struct fetch, own.link);
		fetch_detach(rq);
		fetch_release(rq);
	}
	while (!list_empty(&f->cancelled)) {
		rq = sq_container(f->cancelled.next, struct fetch, own.link);
		list_remove(&rq->own.link);
		fetch_release(rq);
	}
	curl_multi_cleanup(f->multi);
	ev_timer_stop(f->loop, &f->timer);
	ev_timer_stop(f->loop, &f->soon);
	curl_global_cleanup();
	free(f);
}
