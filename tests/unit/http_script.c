/* http_script.c - see http_script.h. */
#include "http_script.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void leave(struct script_conn *c)
{
	struct script *s = c->script;

	if (s->endless == c)
		s->endless = NULL;
	ev_io_stop(s->loop, &c->io);
	SSL_free(c->ssl);
	c->ssl = NULL;
	close(c->io.fd);
	c->io.fd = -1;
}

static void say(struct script_conn *c, const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		ssize_t n = c->ssl ? SSL_write(c->ssl, text, (int)len) : write(c->io.fd, text, len);

		if (n <= 0)
			abort(); /* scripts are small */
		text += n;
		len -= (size_t)n;
	}
}

static void answer(struct script_conn *c)
{
	struct script *s = c->script;
	unsigned i = s->asked++;

	memcpy(s->last, c->in, c->len + 1);
	c->len = 0;
	if (i >= s->planned || strncmp(s->last, s->steps[i].expect, strlen(s->steps[i].expect)) != 0) {
		printf("# request %u: %.*s, wanted %s\n", i, (int)strcspn(s->last, "\r"), s->last,
		       i < s->planned ? s->steps[i].expect : "none");
		s->strange++;
		leave(c);
		return;
	}
	if (s->steps[i].endless)
		s->endless = c;
	say(c, s->steps[i].answer);
}

static void readable(EV_P_ struct ev_io *w, int revents)
{
	struct script_conn *c = (struct script_conn *)w->data;
	size_t room = sizeof c->in - 1 - c->len;
	ssize_t n = c->ssl ? SSL_read(c->ssl, c->in + c->len, (int)room) : read(w->fd, c->in + c->len, room);
	char *body, *length;

	(void)loop;
	(void)revents;
	if (n <= 0) {
		if (!c->ssl || SSL_get_error(c->ssl, (int)n) != SSL_ERROR_WANT_READ)
			leave(c);
		return;
	}
	c->len += (size_t)n;
	c->in[c->len] = '\0';
	body = strstr(c->in, "\r\n\r\n");
	length = strstr(c->in, "Content-Length: ");
	if (body && strlen(body + 4) >= (length ? strtoul(length + 16, NULL, 10) : 0))
		answer(c);
}

static void arrived(EV_P_ struct ev_io *w, int revents)
{
	struct script *s = (struct script *)w->data;
	struct script_conn *c = s->conns;
	int fd = accept4(w->fd, NULL, NULL, s->tls ? SOCK_NONBLOCK : 0);

	(void)loop;
	(void)revents;
	while (c->io.fd >= 0)
		c++;
	*c = (struct script_conn){.script = s};
	ev_io_init(&c->io, readable, fd, EV_READ);
	c->io.data = c;
	if (s->tls) {
		c->ssl = SSL_new(s->tls);
		SSL_set_accept_state(c->ssl);
		SSL_set_fd(c->ssl, fd);
	}
	ev_io_start(s->loop, &c->io);
}

void script_open(struct script *s, struct ev_loop *loop, SSL_CTX *tls)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	memset(s, 0, sizeof *s);
	s->loop = loop;
	s->tls = tls;
	for (size_t i = 0; i < SCRIPT_CONNS; i++)
		s->conns[i].io.fd = -1;
	if (bind(fd, (struct sockaddr *)&in, len) < 0 || listen(fd, 8) < 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) < 0)
		abort();
	snprintf(s->base, sizeof s->base, "%s://127.0.0.1:%u", tls ? "https" : "http", ntohs(in.sin_port));
	ev_io_init(&s->accept, arrived, fd, EV_READ);
	s->accept.data = s;
	ev_io_start(loop, &s->accept);
}

void script_close(struct script *s)
{
	for (size_t i = 0; i < SCRIPT_CONNS; i++)
		if (s->conns[i].io.fd >= 0)
			leave(&s->conns[i]);
	for (unsigned i = 0; i < s->planned; i++)
		free(s->steps[i].answer);
	ev_io_stop(s->loop, &s->accept);
	close(s->accept.fd);
}

static void plan(struct script *s, const char *expect, bool endless, char *text)
{
	if (!text || s->planned == SCRIPT_STEPS)
		abort();
	s->steps[s->planned].expect = expect;
	s->steps[s->planned].endless = endless;
	s->steps[s->planned++].answer = text;
}

void script_next_with(struct script *s, const char *expect, int status, const char *header, const char *body)
{
	char *text = NULL;

	if (asprintf(&text, "HTTP/1.1 %d Told\r\nContent-Length: %zu\r\n%s%s\r\n%s", status, strlen(body),
	             header ? header : "", header ? "\r\n" : "", body) < 0)
		abort();
	plan(s, expect, false, text);
}

void script_open_end(struct script *s, const char *expect, int status)
{
	char *text = NULL;

	if (asprintf(&text, "HTTP/1.1 %d Told\r\nConnection: close\r\n\r\n", status) < 0)
		abort();
	plan(s, expect, true, text);
}

bool script_is_open(const struct script *s)
{
	return s->endless != NULL;
}

void script_say(struct script *s, const char *text)
{
	if (!s->endless)
		abort();
	say(s->endless, text);
}

void script_hang_up(struct script *s)
{
	if (!s->endless)
		abort();
	leave(s->endless);
}
