/* link_io.c - the socket of a link, with or without TLS. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "link.h"

#define TLS_PIECE 65536 /* bytes that TLS is given at once */
#define READS_MOST 32 /* in one turn: others want it too */

static bool shake(struct redis_link *l);

/* --- connecting -------------------------------------------------------------------------------- */

static void connect_ended(struct redis_link *l)
{
	int error = 0, r;
	socklen_t len = sizeof error;

	if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	ev_io_stop(l->host->loop, &l->out);
	if (error) {
		redis_connect_failed(l, -error);
		return;
	}
	ev_io_start(l->host->loop, &l->in);
	if (!l->prepare.tls) {
		redis_hello_start(l);
		return;
	}
	r = tls_stream_new(l->prepare.tls, *l->conf->ssl_name ? l->conf->ssl_name : l->conf->host, &l->tls);
	if (r < 0) {
		redis_link_fail(l, "no memory");
		return;
	}
	l->stage = REDIS_SHAKING;
	l->host->timer_start(l->host->ctx, &l->timer, l->conf->connect_timeout);
	shake(l);
}

static void writable(struct ev_loop *loop, struct ev_io *w, int events)
{
	struct redis_link *l = sq_container(w, struct redis_link, out);

	(void)loop;
	(void)events;
	if (l->stage == REDIS_CONNECTING)
		connect_ended(l);
	else
		redis_io_flush(l);
}

static void readable(struct ev_loop *loop, struct ev_io *w, int events)
{
	(void)loop;
	(void)events;
	redis_io_read(sq_container(w, struct redis_link, in));
}

static int open_socket(struct redis_link *l, const struct sockaddr *sa, socklen_t len)
{
	int on = 1, r;

	l->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return -errno;
	if (sa->sa_family != AF_UNIX) {
		setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		setsockopt(l->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	}
	r = connect(l->fd, sa, len) < 0 ? -errno : 0;
	if (r < 0 && r != -EINPROGRESS) {
		close(l->fd);
		l->fd = -1;
		return r;
	}
	ev_io_init(&l->in, readable, l->fd, EV_READ);
	ev_io_init(&l->out, writable, l->fd, EV_WRITE);
	ev_io_start(l->host->loop, &l->out);
	return 0;
}

int redis_io_connect(struct redis_link *l)
{
	const char *path = redis_socket_path(l->conf);
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	if (!path)
		return open_socket(l, l->address->ai_addr, l->address->ai_addrlen);
	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	return open_socket(l, (const struct sockaddr *)&sa, sizeof sa);
}

void redis_io_close(struct redis_link *l)
{
	if (l->fd >= 0) {
		ev_io_stop(l->host->loop, &l->in);
		ev_io_stop(l->host->loop, &l->out);
		close(l->fd);
	}
	l->fd = -1;
	tls_stream_free(l->tls);
	l->tls = NULL;
}

/* --- out --------------------------------------------------------------------------------------- */

static void lost(struct redis_link *l, int error)
{
	if (l->stage == REDIS_GREETING)
		redis_link_fail(l, "it closed the connection at once%s%s: %s", error ? ": " : "",
		                error ? strerror(error) : "",
		                l->tls ? "is it a Redis?" : "does this port want TLS (option ssl)?");
	else
		redis_link_fail(l, "the connection broke: %s",
		                error ? strerror(error) : "the server closed it");
}

/* As much of these bytes as can leave. The number, or negative: the link has failed. */
static ssize_t send_some(struct redis_link *l, struct sq_slice bytes)
{
	ssize_t n = send(l->fd, bytes.data, bytes.len, MSG_NOSIGNAL);

	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	n = errno;
	lost(l, (int)n);
	return -1;
}

/* Hands TLS the next piece when what it had has left. false: it failed. */
static bool refill(struct redis_link *l)
{
	struct sq_slice next = pipe_pending(&l->pipe);

	if (tls_stream_pending(l->tls).len > 0 || next.len == 0 || l->stage == REDIS_SHAKING)
		return true;
	if (next.len > TLS_PIECE)
		next.len = TLS_PIECE;
	if (tls_stream_write(l->tls, next.data, next.len) < 0) {
		redis_link_fail(l, "%s", tls_stream_why(l->tls));
		return false;
	}
	pipe_sent(&l->pipe, next.len);
	return true;
}

void redis_io_flush(struct redis_link *l)
{
	struct sq_slice bytes;
	ssize_t n = 1;

	while (n > 0) {
		if (l->tls && !refill(l))
			return;
		bytes = l->tls ? tls_stream_pending(l->tls) : pipe_pending(&l->pipe);
		if (bytes.len == 0) {
			ev_io_stop(l->host->loop, &l->out);
			return;
		}
		n = send_some(l, bytes);
		if (n < 0)
			return;
		if (l->tls)
			tls_stream_sent(l->tls, (size_t)n);
		else
			pipe_sent(&l->pipe, (size_t)n);
	}
	ev_io_start(l->host->loop, &l->out);
}

/* --- in ---------------------------------------------------------------------------------------- */

static void not_redis(struct redis_link *l, int error, const char *data, size_t len)
{
	if (error == -EMSGSIZE)
		redis_link_fail(l, "an answer of it is larger than %zu MB", REPLY_BYTES_MAX >> 20);
	else if (error == -ENOMEM)
		redis_link_fail(l, "no memory for its answer");
	else if (!l->tls && len > 2 && data[0] == 0x15 && data[1] == 3)
		redis_link_fail(l, "it speaks TLS: set ssl = true (variable REDIS_SSL)");
	else
		redis_link_fail(l, "what answers there is no Redis: look at host and port (variables "
		                   "REDIS_HOST and REDIS_PORT)");
}

/* false: the link is not what it was. */
static bool take(struct redis_link *l, const char *data, size_t len)
{
	int r;

	l->heard = l->host->now(l->host->ctx);
	r = pipe_feed(&l->pipe, data, len);
	if (r < 0 && !l->doomed.code)
		not_redis(l, r, data, len);
	else
		redis_link_settle(l);
	return l->fd >= 0;
}

static void tls_failed(struct redis_link *l)
{
	char why[TLS_WHY_MAX];

	snprintf(why, sizeof why, "%s", tls_stream_why(l->tls));
	if (strstr(why, "host name") || strstr(why, "mismatch"))
		redis_link_fail(l, "%s: use a name that it is for (options host and ssl_name)", why);
	else if (strstr(why, "wrong version") || strstr(why, "packet"))
		redis_link_fail(l, "%s: does this port speak TLS? (options port and ssl)", why);
	else if (strstr(why, "refused"))
		redis_link_fail(l, "%s: it may want a certificate of ours (options ssl_cert and ssl_key)",
		                why);
	else
		redis_link_fail(l, "its certificate is not trusted: %s: name who issued it in ssl_ca", why);
}

/* The same. */
static bool shake(struct redis_link *l)
{
	int r = tls_stream_handshake(l->tls);
	struct sq_slice alert;

	if (r < 0) {
		alert = tls_stream_pending(l->tls);
		if (alert.len > 0 && send(l->fd, alert.data, alert.len, MSG_NOSIGNAL) < 0)
			r = -EPROTO; /* it will notice all the same */
		tls_failed(l);
		return false;
	}
	redis_io_flush(l);
	if (r > 0 && l->fd >= 0)
		redis_hello_start(l);
	return l->fd >= 0;
}

static bool take_tls(struct redis_link *l, const char *data, size_t len)
{
	char plain[16384];
	long n;

	tls_stream_feed(l->tls, data, len);
	if (l->stage == REDIS_SHAKING && !shake(l))
		return false;
	if (l->stage == REDIS_SHAKING)
		return true;
	while ((n = tls_stream_read(l->tls, plain, sizeof plain)) > 0)
		if (!take(l, plain, (size_t)n))
			return false;
	if (n == 0)
		return true;
	if (n == -EPIPE)
		lost(l, 0);
	else
		tls_failed(l);
	return false;
}

void redis_io_read(struct redis_link *l)
{
	ssize_t n;

	for (int i = 0; i < READS_MOST; i++) {
		n = recv(l->fd, l->buffer, REDIS_IN, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			lost(l, n < 0 ? errno : 0);
			return;
		}
		if (!(l->tls ? take_tls(l, l->buffer, (size_t)n) : take(l, l->buffer, (size_t)n)))
			return;
		if ((size_t)n < REDIS_IN)
			return;
	}
}
