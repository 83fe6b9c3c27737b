/* pipe.c - commands on their way to a Redis. */
#include "pipe.h"

#include <errno.h>

#include "core/base/digits.h"

int pipe_init(struct pipe *p)
{
	*p = (struct pipe){0};
	p->last = &p->first;
	return reader_init(&p->reader);
}

void pipe_free(struct pipe *p)
{
	buf_free(&p->out);
	reader_free(&p->reader);
	*p = (struct pipe){0};
	p->last = &p->first;
}

#define HEAD_MAX (1 + DIGITS_MAX + 2) /* of "*123\r\n" or "$123\r\n" */

static size_t command_len(const struct sq_slice *args, unsigned count)
{
	size_t len = HEAD_MAX;

	for (unsigned i = 0; i < count; i++)
		len += HEAD_MAX + args[i].len + 2;
	return len;
}

static void head_write(struct buf *b, char kind, size_t n)
{
	char head[HEAD_MAX], *end;

	head[0] = kind;
	end = put_digits(head + 1, (int64_t)n);
	*end++ = '\r';
	*end++ = '\n';
	buf_add(b, head, (size_t)(end - head));
}

/* Room for all of it was made. */
static void command_write(struct buf *b, const struct sq_slice *args, unsigned count)
{
	head_write(b, '*', count);
	for (unsigned i = 0; i < count; i++) {
		head_write(b, '$', args[i].len);
		buf_add(b, args[i].data, args[i].len);
		buf_add(b, "\r\n", 2);
	}
}

int pipe_add(struct pipe *p, struct redis_call *c, const struct sq_slice *args, unsigned count)
{
	size_t len = command_len(args, count);

	if (p->calls >= PIPE_CALLS_MAX || len > PIPE_OUT_MAX || p->out.len > PIPE_OUT_MAX - len)
		return -ENOBUFS;
	if (!buf_room(&p->out, len)) {
		p->out.failed = false; /* half a command was not written */
		return -ENOMEM;
	}
	c->own.begin = p->sent + p->out.len;
	c->own.next = NULL;
	command_write(&p->out, args, count);
	*p->last = c;
	p->last = &c->own.next;
	p->calls++;
	return 0;
}

void pipe_sent(struct pipe *p, size_t n)
{
	buf_drop(&p->out, n);
	p->sent += n;
}

static struct redis_call *pop(struct pipe *p)
{
	struct redis_call *c = p->first;

	if (!c)
		return NULL;
	p->first = c->own.next;
	if (!p->first)
		p->last = &p->first;
	p->calls--;
	return c;
}

int pipe_feed(struct pipe *p, const void *data, size_t len)
{
	const struct reply *reply;
	struct redis_call *c;
	int r = reader_feed(&p->reader, data, len);

	if (r < 0)
		return r;
	while (!p->stopped && (r = reader_next(&p->reader, &reply)) > 0) {
		c = pop(p);
		if (!c)
			return -EPROTO;
		c->done(c, reply, true);
	}
	return r < 0 ? r : 0;
}

void pipe_stop(struct pipe *p)
{
	p->stopped = true;
}

int pipe_break(struct pipe *p)
{
	struct redis_call *c = p->first, *next;
	uint64_t sent = p->sent;

	pipe_free(p);
	for (; c; c = next) {
		next = c->own.next;
		c->done(c, NULL, c->own.begin < sent);
	}
	return pipe_init(p);
}
