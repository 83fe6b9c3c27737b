/* http_server.c - one listener: accepts, bounds and times connections, turns and the end. */
#include "http_conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http_listen.h"
#include "log.h"
#include "metrics.h"

#define SERVER_MAGIC 0x68747470u
#define ACCEPT_BATCH 64
#define ACCEPT_REST 0.1 /* s */
#define BEYOND_MAX 64 /* clients being told that they are too many; further ones are just closed */
#define LINGER (2 * SQ_S)

static struct http_server *server_of(void *data)
{
	struct http_server *s = data;

	assert(s && s->magic == SERVER_MAGIC);
	return s;
}

static struct http_conn *first(struct http_link *ring, size_t offset)
{
	return http_link_alone(ring) ? NULL : (void *)((char *)ring->next - offset);
}

/* --- turns --- */

static void wake(struct http_server *s)
{
	if (ev_is_active(&s->turn_start))
		return;
	ev_timer_set(&s->turn_start, 0., 0.);
	ev_timer_start(s->loop, &s->turn_start);
}

void http_server_again(struct http_server *s, struct http_conn *c)
{
	http_link_in(&s->again, &c->again);
	wake(s);
}

static void on_turn_end(struct ev_loop *loop, ev_prepare *w, int revents)
{
	struct http_server *s = server_of(w->data);
	struct http_conn *c;

	(void)loop, (void)revents;
	while ((c = first(&s->unsent, offsetof(struct http_conn, unsent)))) {
		http_link_out(&c->unsent);
		http_conn_flush(c);
	}
}

static void on_turn_start(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct http_server *s = server_of(w->data);
	struct http_link now;
	struct http_conn *c;
	void (*empty)(void *arg);

	(void)loop, (void)revents;
	http_link_move(&s->again, &now);
	while ((c = first(&now, offsetof(struct http_conn, again)))) {
		http_link_out(&c->again);
		http_conn_again(c);
	}
	if (!http_link_alone(&s->conns) || !s->empty)
		return;
	empty = s->empty;
	s->empty = NULL;
	empty(s->empty_arg); /* may close the server */
}

/* --- time limits --- */

static void on_clock(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct http_server *s = server_of(w->data);

	(void)revents;
	s->ticks++;
	if (http_link_alone(&s->conns))
		ev_timer_stop(loop, w);
	for (struct http_link *l = s->conns.next; l != &s->conns; l = l->next) {
		struct http_conn *c = sq_container(l, struct http_conn, all);

		if (c->wait != WAIT_NONE && s->ticks - c->since > s->limits[c->wait])
			http_conn_late(c);
	}
}

/* A tick is a quarter of the shortest limit, between 10 ms and 1 s. */
static void set_limits(struct http_server *s)
{
	const int64_t limits[WAIT_COUNT] = {
	    [WAIT_IDLE] = s->conf->idle_timeout,
	    [WAIT_HEAD] = s->conf->header_timeout,
	    [WAIT_BODY] = s->conf->body_timeout,
	    [WAIT_WRITE] = s->conf->write_timeout,
	    [WAIT_LINGER] = LINGER,
	};
	int64_t tick = SQ_S;

	for (int i = WAIT_NONE + 1; i < WAIT_COUNT; i++)
		if (limits[i] / 4 < tick)
			tick = limits[i] / 4;
	if (tick < 10 * SQ_MS)
		tick = 10 * SQ_MS;
	for (int i = WAIT_NONE + 1; i < WAIT_COUNT; i++)
		s->limits[i] = (uint32_t)((limits[i] + tick - 1) / tick);
	ev_timer_init(&s->clock, on_clock, 0., (double)tick / SQ_S);
	s->clock.data = s;
}

/* The timer starts with the first connection. */
static void start_clock(struct http_server *s)
{
	if (!ev_is_active(&s->clock))
		ev_timer_again(s->loop, &s->clock);
}

const char *http_server_date(struct http_server *s)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = (time_t)ev_now(s->loop);
	struct tm tm;

	if (now == s->date_second && *s->date)
		return s->date;
	s->date_second = now;
	gmtime_r(&now, &tm);
	/* RFC 9110, 5.6.7 */
	snprintf(s->date, sizeof s->date, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
	         days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour,
	         tm.tm_min, tm.tm_sec);
	return s->date;
}

/* --- clients --- */

void http_server_forget(struct http_server *s, struct http_conn *c)
{
	http_link_out(&c->all);
	http_link_out(&c->unsent);
	http_link_out(&c->again);
	if (c->beyond) {
		s->beyond--;
		return;
	}
	s->count--;
	--*s->metrics.connections;
	if (s->count * 4 <= s->conf->max_connections * 3)
		s->crowded = false;
}

static void turn_away(struct http_server *s, struct http_conn *c)
{
	s->beyond++;
	c->beyond = true;
	++*s->metrics.refused;
	if (!s->crowded)
		log_event(s->what, SQ_L_WARN, NULL,
		          "all %lld connections are taken: further clients get 503; raise max_connections",
		          (long long)s->conf->max_connections);
	s->crowded = true;
	http_conn_refuse(c, 503, "all %lld connections are taken: try again later, or raise max_connections",
	                 (long long)s->conf->max_connections);
}

static void admit(struct http_server *s, int fd, const char *peer)
{
	bool full = s->count >= s->conf->max_connections;
	struct http_conn *c = full && s->beyond >= BEYOND_MAX ? NULL : http_conn_new(s, fd, peer);

	if (!c) {
		++*s->metrics.refused;
		close(fd);
		return;
	}
	http_link_in(&s->conns, &c->all);
	start_clock(s);
	if (full) {
		turn_away(s, c);
		return;
	}
	s->count++;
	++*s->metrics.connections;
}

/* New clients wait in the queue of the socket; asking again at once would only spin. */
static void rest(struct http_server *s, int error)
{
	if (!s->starved)
		log_event(s->what, SQ_L_WARN, NULL,
		          "cannot accept clients (%s), they wait: raise the limit of open files (ulimit -n, "
		          "LimitNOFILE), or lower max_connections",
		          strerror(error));
	s->starved = true;
	ev_io_stop(s->loop, &s->accept);
	ev_timer_set(&s->rest, ACCEPT_REST, 0.);
	ev_timer_start(s->loop, &s->rest);
}

static void on_rested(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct http_server *s = server_of(w->data);

	(void)revents;
	ev_io_start(loop, &s->accept);
}

/* false: nobody is waiting any more, or it has to be tried later. */
static bool accept_one(struct http_server *s)
{
	char peer[48];
	int fd = http_accept(s->fd, peer, sizeof peer);

	switch (fd) {
	case -EAGAIN:
		s->starved = false;
		return false;
	case -EMFILE:
	case -ENFILE:
	case -ENOBUFS:
	case -ENOMEM:
		rest(s, -fd);
		return false;
	default:
		if (fd >= 0)
			admit(s, fd, peer);
		return true; /* other errors are those of that client alone (accept(2)) */
	}
}

static void on_accept(struct ev_loop *loop, ev_io *w, int revents)
{
	struct http_server *s = server_of(w->data);

	(void)loop, (void)revents;
	for (int i = 0; i < ACCEPT_BATCH && accept_one(s); i++)
		;
}

/* --- life --- */

static void make_metrics(struct http_server *s)
{
	static const char *const waits[WAIT_COUNT] = {
	    [WAIT_IDLE] = "idle",   [WAIT_HEAD] = "header",   [WAIT_BODY] = "body",
	    [WAIT_WRITE] = "write", [WAIT_LINGER] = "linger",
	};
	char name[128];

	for (int i = 2; i <= 5; i++) {
		snprintf(name, sizeof name, "http_requests_total{listener=\"%s\",code=\"%dxx\"}", s->what, i);
		s->metrics.answers[i] = metrics_counter(name, "Requests answered, by class of status.");
	}
	for (int i = WAIT_NONE + 1; i < WAIT_COUNT; i++) {
		snprintf(name, sizeof name, "http_timeouts_total{listener=\"%s\",what=\"%s\"}", s->what,
		         waits[i]);
		s->metrics.late[i] = metrics_counter(name, "Connections ended by a time limit.");
	}
	snprintf(name, sizeof name, "http_refused_total{listener=\"%s\"}", s->what);
	s->metrics.refused = metrics_counter(name, "Clients turned away because max_connections were open.");
	snprintf(name, sizeof name, "http_connections{listener=\"%s\"}", s->what);
	s->metrics.connections = metrics_gauge(name, "Open connections.");
}

static int copy_sites(struct http_server *s, const struct http_site *sites)
{
	size_t n = 0;

	while (sites[n++].routes)
		;
	s->sites = calloc(n, sizeof *sites);
	if (!s->sites)
		return -ENOMEM;
	memcpy(s->sites, sites, n * sizeof *sites);
	return 0;
}

static void make_watchers(struct http_server *s)
{
	ev_io_init(&s->accept, on_accept, s->fd, EV_READ);
	ev_timer_init(&s->rest, on_rested, ACCEPT_REST, 0.);
	ev_timer_init(&s->turn_start, on_turn_start, 0., 0.);
	ev_prepare_init(&s->turn_end, on_turn_end);
	ev_set_priority(&s->turn_end, EV_MINPRI);
	s->accept.data = s->rest.data = s->turn_start.data = s->turn_end.data = s;
	ev_prepare_start(s->loop, &s->turn_end);
}

int http_server_open(const struct http_server_opts *opts, struct http_server **ret, struct sq_err *err)
{
	struct http_server *s = calloc(1, sizeof *s);

	if (!s || copy_sites(s, opts->sites) < 0) {
		free(s);
		return sq_fail(err, -ENOMEM, "cannot listen on %s: out of memory", opts->conf->listen);
	}
	s->magic = SERVER_MAGIC;
	s->loop = opts->loop;
	s->conf = opts->conf;
	snprintf(s->what, sizeof s->what, "%s", opts->what);
	s->fd = http_listen(s->conf, s->url, err);
	if (s->fd < 0) {
		int r = s->fd;

		free(s->sites);
		free(s);
		return r;
	}
	http_link_init(&s->conns);
	http_link_init(&s->unsent);
	http_link_init(&s->again);
	make_metrics(s);
	set_limits(s);
	make_watchers(s);
	*ret = s;
	return 0;
}

void http_server_set_self(struct http_server *s, unsigned site, void *self)
{
	assert(s->sites[site].routes);
	s->sites[site].self = self;
}

void http_server_serve(struct http_server *s)
{
	ev_io_start(s->loop, &s->accept);
}

const char *http_server_url(const struct http_server *s)
{
	return s->url;
}

static void stop_listening(struct http_server *s)
{
	if (s->fd < 0)
		return;
	ev_timer_stop(s->loop, &s->rest);
	ev_io_stop(s->loop, &s->accept);
	http_unlisten(s->fd, s->url);
	s->fd = -1;
}

void http_server_drain(struct http_server *s, void (*empty)(void *arg), void *arg)
{
	/* Who is in the queue has connected and may have sent a request already. */
	if (ev_is_active(&s->accept))
		for (int i = 0; i < SOMAXCONN && accept_one(s); i++)
			;
	stop_listening(s);
	s->draining = true;
	s->empty = empty;
	s->empty_arg = arg;
	for (struct http_link *l = s->conns.next; l != &s->conns; l = l->next)
		http_server_again(s, sq_container(l, struct http_conn, all));
	wake(s);
}

void http_server_close(struct http_server *s)
{
	struct http_request *rq;
	struct http_conn *c;

	stop_listening(s);
	while ((c = first(&s->conns, offsetof(struct http_conn, all)))) {
		if (c->phase == CONN_HANDLED)
			http_conn_refuse(c, 503, "the server is shutting down: try again later");
		http_conn_flush(c);
		http_conn_free(c);
	}
	ev_timer_stop(s->loop, &s->clock);
	ev_timer_stop(s->loop, &s->turn_start);
	ev_prepare_stop(s->loop, &s->turn_end);
	while ((rq = s->spare_requests)) {
		s->spare_requests = rq->next;
		http_request_free(rq, NULL);
	}
	while (s->spare_buf_count > 0)
		buf_free(&s->spare_bufs[--s->spare_buf_count]);
	free(s->sites);
	s->magic = 0;
	free(s);
}
