/*
 * pipe.h - commands on their way to a Redis, and who waits for the answer to each. Pure.
 *
 * Answers come in the order of the commands. Positions are counted in bytes since the beginning, so that
 * of each command it is known whether any of it has left.
 */
#ifndef REDIS_PIPE_H
#define REDIS_PIPE_H

#include <stdbool.h>

#include "core/base/buf.h"

#include "reply.h"

#define PIPE_OUT_MAX ((size_t)128 << 20) /* bytes that wait to be sent */
#define PIPE_CALLS_MAX 100000 /* that wait for their answer */

/* One command, from pipe_add() to done(). Whoever adds it owns the memory and may free it in done(). */
struct redis_call {
	/* r: the answer, valid inside; NULL: there will be none, and sent says whether the command may
	 * have reached the server. */
	void (*done)(struct redis_call *c, const struct reply *r, bool sent);
	struct { /* the pipe's */
		struct redis_call *next;
		uint64_t begin; /* position of its first byte */
	} own;
};

struct pipe {
	struct buf out; /* what is to be sent */
	uint64_t sent; /* position of its first byte */
	struct redis_call *first, **last; /* sent or to be sent, in order */
	unsigned calls;
	struct reader reader;
	bool stopped;
};

int pipe_init(struct pipe *p); /* 0 or -ENOMEM */
void pipe_free(struct pipe *p); /* calls that are left are forgotten; also of one that was zeroed only */

/* 0, -ENOMEM, or -ENOBUFS when too much waits. The arguments are copied. */
int pipe_add(struct pipe *p, struct redis_call *c, const struct sq_slice *args, unsigned count);
static inline struct sq_slice pipe_pending(const struct pipe *p)
{
	return (struct sq_slice){p->out.data, p->out.len};
}
void pipe_sent(struct pipe *p, size_t n); /* the first n bytes of what is pending */

/* What came: hands each answer to its call. 0, or as reader_next() says, -EPROTO too for an answer that
 * nobody asked for; before it the calls were answered that could be. */
int pipe_feed(struct pipe *p, const void *data, size_t len);
/* For done(): no further answer is handed out, the connection is about to be given up. */
void pipe_stop(struct pipe *p);

/* The connection is gone: each call ends without an answer, and a new beginning can be made. They may add
 * nothing meanwhile. 0 or -ENOMEM: then it has to be freed. */
int pipe_break(struct pipe *p);

#endif
