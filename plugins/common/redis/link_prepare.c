/* link_prepare.c - what takes time before a connection: its addresses, the password, the context for TLS. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/secret.h"
#include "link.h"

#define PEM_MAX (4 << 20) /* bytes */

/* --- on the thread: looks at conf, moved_* and prepare alone ----------------------------------- */

/* The whole text of a file, *ret NULL when none is named. */
static int read_file(const char *option, const char *path, char **ret, struct sq_err *err)
{
	struct stat st;
	char *text;
	ssize_t n;
	int fd;

	*ret = NULL;
	if (*path == '\0')
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		n = errno;
		if (fd >= 0)
			close(fd);
		return sq_fail(err, -(int)n, "cannot read %s: %s (option %s)", path, strerror((int)n),
		               option);
	}
	text = S_ISREG(st.st_mode) && st.st_size < PEM_MAX ? calloc(1, (size_t)st.st_size + 1) : NULL;
	n = text ? read(fd, text, (size_t)st.st_size) : -1;
	close(fd);
	if (n < 0) {
		free(text);
		return sq_fail(err, -EIO, "cannot read %s (option %s)", path, option);
	}
	*ret = text;
	return 0;
}

static int make_tls(const struct redis_conf *c, struct redis_prepare *p)
{
	char *ca, *cert = NULL, *key = NULL;
	struct tls_options o;
	struct sq_err err;
	int r = read_file("ssl_ca", c->ssl_ca, &ca, &p->err);

	if (r == 0)
		r = read_file("ssl_cert", c->ssl_cert, &cert, &p->err);
	if (r == 0)
		r = read_file("ssl_key", c->ssl_key, &key, &p->err);
	if (r == 0) {
		o = (struct tls_options){.ca = ca, .cert = cert, .key = key};
		r = tls_context_new(&o, &p->tls, &err);
		if (r < 0) /* the members are called as the options are, without ssl_ */
			sq_fail(&p->err, r, "ssl_%s", err.text);
	}
	free(ca);
	free(cert);
	if (key)
		explicit_bzero(key, strlen(key));
	free(key);
	return r;
}

static int resolve(const char *host, int64_t number, struct redis_prepare *p)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	                               .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG};
	char port[8];
	int r;

	snprintf(port, sizeof port, "%d", (int)number);
	r = getaddrinfo(host, port, &hints, &p->found);
	if (r == 0)
		return 0;
	p->found = NULL;
	return sq_fail(&p->err, -EHOSTUNREACH,
	               "the name %.100s cannot be looked up: %s (option host, variable REDIS_HOST)", host,
	               r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
}

static int read_password(const struct redis_conf *c, struct redis_prepare *p)
{
	struct sq_err err;
	int r = *c->password ? secret_read(c->password, &p->password, &err) : 0;

	return r < 0 ? sq_fail(&p->err, r, "%s (option password)", err.text) : 0;
}

static int prepare_run(struct sq_work *w)
{
	struct redis_prepare *p = sq_container(w, struct redis_prepare, work);
	struct redis_link *l = sq_container(p, struct redis_link, prepare);
	int r = read_password(l->conf, p);

	if (r == 0 && l->conf->ssl)
		r = make_tls(l->conf, p);
	if (r == 0 && !redis_socket_path(l->conf))
		r = resolve(redis_link_host(l), redis_link_port(l), p);
	return r;
}

/* --- on the loop ------------------------------------------------------------------------------- */

void redis_prepare_drop(struct redis_link *l)
{
	struct redis_prepare *p = &l->prepare;

	if (p->running)
		return;
	if (p->found)
		freeaddrinfo(p->found);
	tls_context_free(p->tls);
	secret_free(p->password);
	p->password = NULL;
	p->found = NULL;
	p->tls = NULL;
	l->address = NULL;
}

static void try_next(struct redis_link *l, int error)
{
	int r = error;

	while (l->address || redis_socket_path(l->conf)) {
		l->stage = REDIS_CONNECTING;
		l->host->timer_start(l->host->ctx, &l->timer, l->conf->connect_timeout);
		r = redis_io_connect(l);
		if (r == 0)
			return;
		if (!l->address || !l->address->ai_next)
			break;
		l->address = l->address->ai_next;
	}
	redis_link_fail(
	    l,
	    "no connection: %s: is it running? (options host and port, variables REDIS_HOST and REDIS_PORT)",
	    strerror(-r));
}

void redis_connect_failed(struct redis_link *l, int error)
{
	redis_io_close(l);
	l->address = l->address ? l->address->ai_next : NULL;
	if (l->address)
		try_next(l, error);
	else
		redis_link_fail(
		    l,
		    "no connection: %s: is it running? (options host and port, variables REDIS_HOST and "
		    "REDIS_PORT)",
		    strerror(-error));
}

static void prepared(struct sq_op *op, int status)
{
	struct redis_link *l = sq_container(op, struct redis_link, prepare.work.op);

	l->prepare.running = false;
	if (l->stage != REDIS_PREPARING) {
		redis_prepare_drop(l);
	} else if (status < 0) {
		redis_link_fail(l, "%s", status == -ENOMEM ? "no memory" : l->prepare.err.text);
	} else {
		l->address = l->prepare.found;
		try_next(l, -EHOSTUNREACH);
	}
}

void redis_prepare_init(struct redis_link *l)
{
	l->prepare.work = (struct sq_work){.op.done = prepared,
	                                   .run = prepare_run,
	                                   .what = "name, password and certificates of Redis",
	                                   .lane = SQ_LANE_NET};
}

int redis_prepare_start(struct redis_link *l)
{
	int r;

	redis_prepare_drop(l);
	r = l->host->work(l->host->ctx, &l->prepare.work);
	l->prepare.running = r == 0;
	return r;
}
