/*
 * host.h - everything a plugin may ask of the host, handed to it at create().
 *
 * Plugins do not link against the host: this table is the whole surface, and a test can put its
 * own in place (virtual time, a fake store). Each plugin instance has a table of its own, valid
 * from create() until destroy() has returned. Everything is for the loop thread except post().
 *
 * A role reaches the store, the transport and the scheduler through the same interfaces that
 * those plugins implement, e.g.
 *
 *     r = host->store->add(host->store_self, &hit->count);
 *
 * but what stands there is the host's: it keeps the promises of op.h on the way (timeouts,
 * cancel, completion never nested) and forwards to the plugin. Their cancel() is not for roles:
 * use host->cancel().
 */
#ifndef SQUALL_HOST_H
#define SQUALL_HOST_H

#include <stdint.h>

#include <squall/http.h>
#include <squall/log.h>
#include <squall/op.h>
#include <squall/scheduler.h>
#include <squall/store.h>
#include <squall/transport.h>
#include <squall/util.h>

struct ev_loop;

/* Zero it, set fire, start it. The owner may free it when it is not running. */
struct sq_timer {
	void (*fire)(struct sq_timer *t);
	struct {
		void *a[10];
	} host; /* the host's */
};

/* A wake-up: from another thread (post) or for the end of this loop turn (later). Owned by the
 * caller, unchanged until run() is entered; queueing it twice before that is one wake-up. */
struct sq_post {
	void (*run)(struct sq_post *p);
	struct {
		void *a[4];
	} host;
};

/* Threads are not shared between lanes, so that a hung name server cannot stall an fsync. */
enum sq_lane { SQ_LANE_DISK, SQ_LANE_NET, SQ_LANE_CPU };

/* Blocking work for the host's thread pool: run() on one of its threads, then op.done() on the
 * loop. Cancel works until run() has begun; from then on done() waits for run() to return, so a
 * timeout is not possible and op.timeout must be 0. run() calls nothing of the host but post(). */
struct sq_work {
	struct sq_op op;
	int (*run)(struct sq_work *w); /* its result is done()'s status */
	const char *what; /* "fsync": named when it hangs */
	enum sq_lane lane;
	struct {
		void *a[4];
	} host;
};

struct sq_host {
	uint32_t size; /* sizeof(struct sq_host) */
	void *ctx; /* first argument of every call below */

	/* What this process is. */
	const char *version; /* squall's */
	const char *state_dir; /* exists and is writable when the .conf names one, else NULL */
	const char *instance; /* unique name of this process, a valid store name (SQ_ID_MAX) */
	/* Where this role's listener is reached: "http://127.0.0.1:41873" as bound, or what the option
	 * advertise says. From start() on; NULL without a listener. */
	const char *(*url)(void *ctx);

	/* Time. Logic uses these, never the clock, so that tests can own time. */
	int64_t (*now)(void *ctx); /* monotonic ns, as of this call */
	int64_t (*wall)(void *ctx); /* Unix ms, for people and stamps only */
	void (*timer_start)(void *ctx, struct sq_timer *t, int64_t delay); /* again while running: moved */
	void (*timer_stop)(void *ctx, struct sq_timer *t); /* harmless when not running */

	/* Threads. post() is the only call that is safe off the loop thread. */
	void (*post)(void *ctx, struct sq_post *p);
	void (*later)(void *ctx, struct sq_post *p); /* at the end of this turn, before the loop sleeps */
	void (*unpost)(void *ctx, struct sq_post *p); /* it will not run; harmless if not queued */
	/* 0; -ECANCELED only inside this plugin's destroy(). Works also during drain. The host calls
	 * destroy() when no work of this plugin is left; threads of its own end in drain(). */
	int (*work)(void *ctx, struct sq_work *w);

	/* Telling. Macros in log.h. kv may be NULL. */
	void (*log)(void *ctx, enum sq_level level, const struct sq_kv *kv, const char *fmt, ...)
	    SQ_PRINTF(4, 5);
	/* Numbers for /metrics: the host makes the cell once per name and shows it for ever; add to
	 * a counter, set a gauge. name: [a-z_]+, the host puts squall_ before it. */
	int64_t *(*counter)(void *ctx, const char *name, const char *help);
	int64_t *(*gauge)(void *ctx, const char *name, const char *help);
	/* Feeds /readyz: ready once every plugin that ever said 0 says 1. why: for people, copied. */
	void (*ready)(void *ctx, int yes, const char *why);
	/* Asks for an orderly stop of the whole process with this exit code; plugins never exit().
	 * The first call wins. */
	void (*stop)(void *ctx, int exit_code);

	/* Ops. */
	void (*op_done)(void *ctx, struct sq_op *op, int status); /* for the plugin that carries it */
	void (*cancel)(void *ctx, struct sq_op *op); /* for the one that submitted it */

	/* For transports and schedulers: to the role of this process that takes them. */
	void (*deliver)(void *ctx, struct sq_delivery *d);
	void (*lost)(void *ctx, struct sq_delivery *d);
	void (*job_changed)(void *ctx, const struct sq_job_state *state);

	/* For roles. NULL when the .conf names no such plugin (and sq_role.needs did not ask). */
	const struct sq_http_calls *http;
	const struct sq_store *store;
	void *store_self;
	const struct sq_transport *transport;
	void *transport_self;
	const struct sq_scheduler *scheduler;
	void *scheduler_self;

	/* For plugins that bring watchers of their own (engine, redis, curl, proton). They must be
	 * stopped when destroy() returns. */
	struct ev_loop *loop;
};

#endif
