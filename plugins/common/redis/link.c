/* link.c - the stages of a connection, and what is told about them. */
#include "link.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"

#define BACKOFF_BASE (100 * SQ_MS)
#define BACKOFF_MOST (3 * SQ_S)
#define MOVES_MOST 5 /* in a row, without a pause */
#define TICK (1 * SQ_S) /* a sign of life of a connection that is idle, a try of one in trouble */
#define UNIX "unix:"
#define NO_ANSWER "no answer: is it overloaded or stopped?"

const char *redis_socket_path(const struct redis_conf *c)
{
	return strncmp(c->host, UNIX, strlen(UNIX)) == 0 ? c->host + strlen(UNIX) : NULL;
}

const char *redis_link_host(const struct redis_link *l)
{
	return l->moved_port && *l->moved_host ? l->moved_host : l->conf->host;
}

int64_t redis_link_port(const struct redis_link *l)
{
	return l->moved_port ? l->moved_port : l->conf->port;
}

const char *redis_link_place(const struct redis_link *l)
{
	static char text[300];
	const char *host = redis_link_host(l);

	if (redis_socket_path(l->conf))
		return host;
	snprintf(text, sizeof text, strchr(host, ':') ? "[%s]:%lld" : "%s:%lld", host,
	         (long long)redis_link_port(l));
	return text;
}

/* --- what is told ---------------------------------------------------------------------------- */

static void say_ready(struct redis_link *l)
{
	if (l->ready)
		l->ready(l);
	else
		l->host->ready(l->host->ctx, redis_link_is_well(l), l->why);
}

void redis_link_tell(struct redis_link *l)
{
	if (l->quiet)
		return;
	SQ_ERROR(l->host, NULL, "Redis at %s: %s", redis_link_place(l), l->why);
	say_ready(l);
}

void redis_link_well(struct redis_link *l)
{
	l->why[0] = '\0';
	if (l->quiet)
		return;
	SQ_INFO(l->host, NULL, "Redis at %s: connected%s", redis_link_place(l), l->tls ? " by TLS" : "");
	say_ready(l);
}

static void changed(struct redis_link *l)
{
	if (l->changed)
		l->changed(l);
}

/* --- stages ---------------------------------------------------------------------------------- */

static void begin(struct redis_link *l)
{
	const struct sq_host *host = l->host;

	if (l->prepare.running) { /* a name server that still thinks about the last time */
		host->timer_start(host->ctx, &l->timer, TICK);
		return;
	}
	if (!l->pipe.reader.hiredis && pipe_init(&l->pipe) < 0) {
		host->timer_start(host->ctx, &l->timer, backoff_next(&l->backoff));
		return;
	}
	l->stage = REDIS_PREPARING;
	host->timer_start(host->ctx, &l->timer, l->conf->connect_timeout);
	if (redis_prepare_start(l) < 0)
		redis_link_fail(l, "no memory");
}

/* The answers that are due, or a sign of life. */
static void tick(struct redis_link *l)
{
	int64_t now = l->host->now(l->host->ctx);

	if (l->pipe.calls > 0 && now - l->heard >= l->conf->answer_timeout)
		redis_io_read(l); /* it was perhaps us who slept */
	if (l->stage != REDIS_UP)
		return;
	if (l->pipe.calls > 0 && now - l->heard >= l->conf->answer_timeout) {
		redis_link_fail(l, NO_ANSWER);
		return;
	}
	l->host->timer_start(l->host->ctx, &l->timer, TICK);
	if (l->pipe.calls == 0 || *l->why)
		redis_hello_ask(l);
}

static void timer_fired(struct sq_timer *t)
{
	struct redis_link *l = sq_container(t, struct redis_link, timer);

	switch (l->stage) {
	case REDIS_WAITING:
		begin(l);
		break;
	case REDIS_PREPARING:
		redis_link_fail(
		    l, "the name server does not answer: look at /etc/resolv.conf, or use an address");
		break;
	case REDIS_CONNECTING:
		redis_link_fail(l,
		                "no connection in time: is a firewall between us? (options host and port)");
		break;
	case REDIS_SHAKING:
		redis_link_fail(l, "no TLS in time: does this port speak TLS? (options port and ssl)");
		break;
	case REDIS_GREETING:
		if (l->known)
			redis_link_fail(l, NO_ANSWER);
		else
			redis_link_fail(
			    l,
			    "no answer: is it a Redis, and does its port want TLS? (options port and ssl)");
		break;
	case REDIS_UP:
		tick(l);
		break;
	case REDIS_OFF:
	case REDIS_CLOSED:
		break;
	}
}

static void break_off(struct redis_link *l)
{
	redis_io_close(l);
	redis_prepare_drop(l);
	redis_hello_drop(l);
	if (pipe_break(&l->pipe) < 0)
		pipe_free(&l->pipe);
}

static void end(struct redis_link *l)
{
	void (*drained)(struct redis_link * l) = l->drained;

	l->stage = REDIS_CLOSED;
	l->host->timer_stop(l->host->ctx, &l->timer);
	l->host->unpost(l->host->ctx, &l->flush);
	break_off(l);
	l->drained = NULL;
	if (drained)
		drained(l);
}

/* Keys that have moved are followed at once and in silence, unless that has no end. */
static bool follows(struct redis_link *l)
{
	if (l->doomed.code == -EXDEV)
		return ++l->moves <= MOVES_MOST;
	l->moves = 0;
	l->moved_port = 0;
	return false;
}

static void fail(struct redis_link *l, const char *why)
{
	bool told = strcmp(l->why, why) == 0, follow = follows(l);

	l->stage = REDIS_WAITING;
	l->doomed.code = 0;
	l->host->timer_start(l->host->ctx, &l->timer, follow ? 0 : backoff_next(&l->backoff));
	if (!follow && !told) {
		snprintf(l->why, sizeof l->why, "%s", why);
		redis_link_tell(l);
	}
	break_off(l);
	if (l->drained)
		end(l);
	else
		changed(l);
}

void redis_link_fail(struct redis_link *l, const char *fmt, ...)
{
	char why[REDIS_WHY];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	fail(l, why);
}

void redis_link_doom(struct redis_link *l, const char *fmt, ...)
{
	va_list ap;

	pipe_stop(&l->pipe);
	if (l->doomed.code)
		return;
	l->doomed.code = -EIO;
	va_start(ap, fmt);
	vsnprintf(l->doomed.text, sizeof l->doomed.text, fmt, ap);
	va_end(ap);
}

/* --- answers --------------------------------------------------------------------------------- */

static void trouble(struct redis_link *l, const char *why)
{
	if (l->stage != REDIS_UP || strcmp(l->why, why) == 0)
		return;
	snprintf(l->why, sizeof l->why, "%s", why);
	redis_link_tell(l);
	changed(l);
}

/* Once for each error, not for each command that meets it. */
static void complain(struct redis_link *l, const char *why)
{
	if (l->quiet || strcmp(l->complaint, why) == 0)
		return;
	snprintf(l->complaint, sizeof l->complaint, "%s", why);
	SQ_ERROR(l->host, NULL, "Redis at %s: %s", redis_link_place(l), why);
}

static void explain(const struct fault *f, const struct reply *r, char *out, size_t size)
{
	char own[160];

	text_safe(own, sizeof own, reply_text(r), r->text.len);
	snprintf(out, size, "%s%s%s%s", f->what ? "it " : "it says: ", f->what ? f->what : own,
	         f->cure ? ": " : "", f->cure ? f->cure : "");
}

static void doom_moved(struct redis_link *l)
{
	if (redis_socket_path(l->conf)) {
		redis_link_doom(l,
		                "our keys are on another node of its cluster, %s:%lld, where no socket file "
		                "leads: set host to the cluster's name",
		                l->moved_host, (long long)l->moved_port);
		return;
	}
	redis_link_doom(l, "we are sent back and forth: its nodes do not agree where our keys are: compare "
	                   "what CLUSTER SLOTS says on each");
	l->doomed.code = -EXDEV;
}

int redis_link_status(struct redis_link *l, const struct reply *r, bool sent)
{
	const struct fault *f;
	char why[200];

	if (!r)
		return sent ? -SQ_EUNCERTAIN : -ENOTCONN;
	if (r->type != REPLY_ERROR)
		return 0;
	f = fault_of(r);
	explain(f, r, why, sizeof why);
	if (f->kind == FAULT_MOVED && fault_moved(r, l->moved_host, sizeof l->moved_host, &l->moved_port)) {
		doom_moved(l);
	} else if (l->stage == REDIS_GREETING || f->kind == FAULT_PEER || f->kind == FAULT_SCRIPT) {
		redis_link_doom(l, "%s", why);
	} else if (f->kind == FAULT_STATE) {
		trouble(l, why);
	} else if (f->status != -ERANGE) {
		complain(l, why);
	}
	return f->status == -SQ_EUNCERTAIN && !sent ? -EIO : f->status;
}

void redis_link_settle(struct redis_link *l)
{
	if (l->doomed.code)
		redis_link_fail(l, "%s", l->doomed.text);
	else if (l->drained && l->pipe.calls == 0 && !l->again)
		end(l);
}

/* --- commands -------------------------------------------------------------------------------- */

static void flush(struct sq_post *p)
{
	struct redis_link *l = sq_container(p, struct redis_link, flush);

	if (l->fd >= 0)
		redis_io_flush(l);
}

/* Also before UP, for the greeting. */
int redis_link_send(struct redis_link *l, struct redis_call *c, const struct sq_slice *args, unsigned count)
{
	int r;

	if ((l->stage != REDIS_UP && l->stage != REDIS_GREETING) || l->doomed.code)
		return -ENOTCONN;
	if (l->pipe.calls == 0)
		l->heard = l->host->now(l->host->ctx);
	r = pipe_add(&l->pipe, c, args, count);
	if (r == 0)
		l->host->later(l->host->ctx, &l->flush);
	return r;
}

/* --- life ------------------------------------------------------------------------------------ */

void redis_link_init(struct redis_link *l, const struct sq_host *host, const struct redis_conf *conf)
{
	l->host = host;
	l->conf = conf;
	l->fd = -1;
	l->timer.fire = timer_fired;
	l->flush.run = flush;
	l->again_last = &l->again;
	l->backoff = (struct backoff){.base = BACKOFF_BASE,
	                              .ceiling = BACKOFF_MOST,
	                              .seed = (uint64_t)host->now(host->ctx) ^ (uint64_t)(uintptr_t)l};
	l->pipe.last = &l->pipe.first;
	redis_prepare_init(l);
}

int redis_link_start(struct redis_link *l, struct sq_err *err)
{
	l->buffer = malloc(REDIS_IN);
	if (!l->buffer)
		return sq_fail(err, -ENOMEM, "no memory");
	l->stage = REDIS_WAITING;
	if (!l->quiet)
		l->host->ready(l->host->ctx, 0, "connecting to Redis");
	l->host->timer_start(l->host->ctx, &l->timer, 0);
	return 0;
}

void redis_link_drain(struct redis_link *l, void (*drained)(struct redis_link *l))
{
	l->drained = drained;
	if (l->stage == REDIS_UP)
		redis_link_settle(l);
	else
		end(l);
}

/* From inside answers and flushes only ever later than they: nothing is under way any more. */
void redis_link_free(struct redis_link *l)
{
	if (!l->host)
		return;
	l->stage = REDIS_CLOSED;
	l->host->timer_stop(l->host->ctx, &l->timer);
	l->host->unpost(l->host->ctx, &l->flush);
	redis_io_close(l);
	redis_prepare_drop(l);
	pipe_free(&l->pipe);
	free(l->buffer);
	l->buffer = NULL;
}
