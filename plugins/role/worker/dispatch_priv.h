/* dispatch_priv.h - what dispatch.c, dispatch_serve.c and dispatch_time.c share. */
#ifndef WORKER_DISPATCH_PRIV_H
#define WORKER_DISPATCH_PRIV_H

#include "dispatch.h"

/* From due until it ends; in waiting or in sent. */
struct request {
	struct link link, quiet;
	struct request_times times;
	struct conn *conn; /* that it was sent on */
	struct books *books;
	/* owned: what the socket did not take of bytes that are rendered anew each time; NULL */
	char *unsent;
	bool counted;
	struct check_state checks;
};

static inline struct request *request_first(const struct link *list)
{
	return list_empty(list) ? NULL : sq_container(list->next, struct request, link);
}

static inline struct request *request_quiet(const struct link *list)
{
	return list_empty(list) ? NULL : sq_container(list->next, struct request, quiet);
}

static inline struct conn *conn_first(const struct link *list)
{
	return list_empty(list) ? NULL : sq_container(list->next, struct conn, link);
}

static inline const struct message *dispatch_message(const struct dispatch *d, const struct request *r)
{
	return &d->messages->list[r->times.request];
}

/* The ends of a request; each stands in the books then. */
void dispatch_drop(struct dispatch *d, struct request *r, int64_t now, enum ledger_dropped why);
/* A connection could not be had: the request that has waited longest pays for it. Without one the
 * connection had become unnecessary meanwhile. seen: of that connection. */
void dispatch_unsent(struct dispatch *d, int64_t now, enum ledger_unsent why, const struct sample *seen);
/* The same, and the reason is ours to say. */
void dispatch_unsent_text(struct dispatch *d, int64_t now, enum ledger_unsent why, struct conn *c,
                          const char *text);
/* Sent, and no whole answer: ends the request and its connection. */
void dispatch_break(struct dispatch *d, struct conn *c, int64_t now, enum ledger_error why);

void dispatch_discard(struct dispatch *d, struct conn *c); /* closes one that is in no list */
/* Those that wait, as far as connections are to be had. */
void dispatch_serve(struct dispatch *d, int64_t now);
/* Into seen: how long the connection took, or was tried. What did not begin is -1. */
void dispatch_phases(const struct conn *c, int64_t now, struct sample *seen);
/* Whether it passes, so that requests wait while there are connections. A shortage of our own machine, which
 * is counted, or a Unix socket whose queue is full. */
bool dispatch_short(struct dispatch *d, int error);

/* The timer runs to this limit at the latest. */
void dispatch_limit(struct dispatch *d, int64_t at, int64_t now);
void dispatch_expire(EV_P_ struct ev_timer *w, int revents); /* its callback */

#endif
