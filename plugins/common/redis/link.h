/*
 * link.h - one connection to a Redis that is always there, or says why it is not.
 *
 * OFF -> PREPARING (names, password and certificates, on a thread) -> CONNECTING -> SHAKING (TLS) -> GREETING (AUTH,
 * the script, the owner's first question) -> UP. Whatever fails, the calls under way end without an
 * answer, and after a jittered pause (WAITING) all begins anew, files read again and the name looked up
 * again, so that a failover, a new certificate or a new address is followed.
 *
 * A state is told once: one line when it fails and why, one when it is well again, readiness with it. While
 * it is not UP nothing is held: redis_link_send() refuses with -ENOTCONN.
 *
 * UP with a trouble: the server answers but takes no writes (full, too few replicas, ...). The greeting is
 * asked again each second until it is taken.
 *
 * All on the loop. Commands of one loop turn leave together at its end.
 */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include <ev.h>
#include <netdb.h>

#include <squall/host.h>

#include "core/base/backoff.h"
#include "core/base/tls_stream.h"

#include "conf.h"
#include "fault.h"
#include "pipe.h"

enum redis_stage {
	REDIS_OFF,
	REDIS_WAITING,
	REDIS_PREPARING,
	REDIS_CONNECTING,
	REDIS_SHAKING,
	REDIS_GREETING,
	REDIS_UP,
	REDIS_CLOSED, /* for good */
};

#define REDIS_IN 65536 /* bytes read at once */
#define REDIS_WHY 400
#define REDIS_SHA 40 /* hex digits that name a script */

/* The work of a thread: addresses, the password, and a context for TLS. */
struct redis_prepare {
	struct sq_work work;
	bool running;
	struct addrinfo *found;
	struct tls_context *tls;
	char *password; /* up to its use; or NULL */
	struct sq_err err;
};

/* A call of the link's script. Owner's memory, as for struct redis_call. */
struct redis_eval {
	struct redis_call call; /* the link's */
	struct redis_link *link;
	struct redis_eval *next;
	/* As of struct redis_call. */
	void (*done)(struct redis_eval *e, const struct reply *r, bool sent);
	/* The server had forgotten the script, and nothing was done: it has it again, send the same once
	 * more. When that is refused the owner ends it. Calls of scripts keep their order. */
	void (*again)(struct redis_eval *e);
};

struct redis_link {
	/* The owner's, before redis_link_start(). */
	const struct sq_host *host;
	const struct redis_conf *conf;
	const char *script; /* Lua, or NULL */
	/* What is asked when all else is well: for the script as redis_link_eval() takes it, or a command.
	 * It should write, so that a server that takes no writes is noticed. NULL: PING. */
	struct sq_slice *greet;
	unsigned greet_count;
	/* Greeted: the answer. A negative return is a failure told by err. NULL: anything is fine. */
	int (*greeted)(struct redis_link *l, const struct reply *r, struct sq_err *err);
	/* It came up, or an attempt failed (see why), or it is in trouble. NULL is fine. */
	void (*changed)(struct redis_link *l);
	/* Tells the host whether the plugin is ready. NULL: it is when this link is. */
	void (*ready)(struct redis_link *l);
	/* MOVED in greeting leads there instead of conf->host. */
	char moved_host[256];
	int64_t moved_port; /* 0: not moved */
	bool quiet; /* logs nothing and does not touch readiness: for a probe */

	/* The link's own. */
	enum redis_stage stage;
	char why[REDIS_WHY]; /* what is wrong; "" = nothing */
	struct sq_timer timer;
	struct backoff backoff;
	unsigned moves; /* MOVED in a row */
	struct redis_prepare prepare;
	const struct addrinfo *address; /* the one that is tried, of prepare.found */

	int fd;
	struct ev_io in, out;
	struct tls_stream *tls;
	struct sq_post flush;
	char *buffer; /* REDIS_IN bytes */
	int64_t heard; /* monotonic ns of the last bytes, or when the first answer became due */

	struct pipe pipe;
	struct sq_err doomed; /* code: the connection is given up as soon as nobody is inside of it */
	struct redis_call hello; /* the link's own question */
	bool asking; /* it is under way */
	bool known; /* it was UP before: it is a Redis */
	char sha[REDIS_SHA + 1]; /* of the script, as the server names it */
	unsigned evals; /* calls of the script that are under way */
	bool reload; /* the script was lost */
	struct redis_eval *again, **again_last; /* to be sent once more */
	char complaint[200]; /* the last error of a single command that was told */

	void (*drained)(struct redis_link *l);
};

/* The path if host is a socket file, else NULL. */
const char *redis_socket_path(const struct redis_conf *c);

void redis_link_init(struct redis_link *l, const struct sq_host *host, const struct redis_conf *conf);
int redis_link_start(struct redis_link *l, struct sq_err *err); /* 0 or -ENOMEM; the rest comes by itself */
static inline bool redis_link_is_up(const struct redis_link *l)
{
	return l->stage == REDIS_UP;
}
static inline bool redis_link_is_well(const struct redis_link *l)
{
	return l->stage == REDIS_UP && *l->why == '\0';
}

/* 0; -ENOTCONN, -ENOMEM, -ENOBUFS: nothing was sent. */
int redis_link_send(struct redis_link *l, struct redis_call *c, const struct sq_slice *args, unsigned count);
/* The script. The first REDIS_EVAL_HEAD of args are filled in here; behind them stand the one key and the
 * script's arguments. */
#define REDIS_EVAL_HEAD 3
int redis_link_eval(struct redis_link *l, struct redis_eval *e, struct sq_slice *args, unsigned count);

/* For each answer: 0, or the status of an error, which the link tells of and acts upon. r NULL: -ENOTCONN
 * when nothing had left, else -SQ_EUNCERTAIN. sent: as done() was told; false for what only reads. */
int redis_link_status(struct redis_link *l, const struct reply *r, bool sent);

/* Waits for the answers under way, closes, calls drained(); perhaps at once. */
void redis_link_drain(struct redis_link *l, void (*drained)(struct redis_link *l));
void redis_link_free(struct redis_link *l);

/* --- between the files of the link --- */

/* Ends this connection, or the attempt to make one. Not from inside an answer's done(): doom it there. */
void redis_link_fail(struct redis_link *l, const char *fmt, ...) SQ_PRINTF(2, 3);
void redis_link_doom(struct redis_link *l, const char *fmt, ...) SQ_PRINTF(2, 3);
/* What an answer has left to do: a connection that is doomed, a drain that is complete. */
void redis_link_settle(struct redis_link *l);
void redis_link_tell(struct redis_link *l); /* why has changed to something wrong */
void redis_link_well(struct redis_link *l); /* or to nothing */
const char *redis_link_place(const struct redis_link *l); /* "localhost:6379"; static memory */
const char *redis_link_host(const struct redis_link *l);
int64_t redis_link_port(const struct redis_link *l);

void redis_prepare_init(struct redis_link *l);
int redis_prepare_start(struct redis_link *l);
void redis_prepare_drop(struct redis_link *l); /* what it found */

void redis_connect_failed(struct redis_link *l, int error); /* address did not do: the next one */

int redis_io_connect(struct redis_link *l); /* to address; 0 or negative errno */
void redis_io_close(struct redis_link *l);
void redis_io_read(struct redis_link *l); /* all that came */
void redis_io_flush(struct redis_link *l); /* all that can leave */

void redis_hello_start(struct redis_link *l);
void redis_hello_ask(struct redis_link *l); /* in UP: a sign of life, the greeting when in trouble */
void redis_hello_drop(struct redis_link *l); /* the connection is gone */

#endif
