/*
 * settle.c - the end of a delivery, and the end of its lock.
 *
 * On the link the outcome is said in second mode: told unsettled, answered settled, and only that answer
 * tells whether the lock still held. A delivery whose link is gone is settled by
 * com.microsoft:update-disposition, for which an abandoned message counts as tried: a release after a lost
 * link costs one attempt.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <proton/condition.h>

#include "amqp.h"
#include "bus.h"
#include "receiver.h"

/* How long a message stays away that comes back: whoever could not use it shall not spin. */
#define RETRY_PAUSE (1 * SQ_S)
#define RELEASE_PAUSE (100 * SQ_MS)
#define LATE (1 * SQ_S) /* for the answer to a settlement after the end of its lock */
#define TEXT_MOST 4096 /* characters of a dead letter's reason and description */

static void stop_timers(struct held *h)
{
	struct bus *b = h->receiver->bus;

	bus_timer_stop(b, &h->lock);
	bus_timer_stop(b, &h->pause);
}

void held_free(struct held *h)
{
	stop_timers(h);
	rpc_forget(&h->settle_call);
	rpc_forget(&h->renew_call);
	if (h->pn)
		pn_delivery_set_context(h->pn, NULL);
	free(h->body);
	free(h->own);
	free(h);
}

static void end_renewal(struct held *h, int status)
{
	struct sq_settling *rq = h->renewing;

	if (!rq)
		return;
	rpc_forget(&h->renew_call);
	h->renewing = NULL;
	bus_op_done(h->receiver->bus, &rq->op, status);
}

/* The last of it, after a settlement. */
static void held_end(struct held *h, int status)
{
	struct receiver *r = h->receiver;
	struct sq_settling *rq = h->settling;

	end_renewal(h, -SQ_EUNCERTAIN);
	stop_timers(h);
	rpc_forget(&h->settle_call);
	if (h->pn) {
		pn_delivery_set_context(h->pn, NULL);
		pn_delivery_settle(h->pn);
		h->pn = NULL;
		bus_kick(r->bus);
	}
	if (status == -SQ_EUNCERTAIN || (status == -SQ_EGONE && h->stage == HELD_WAITING))
		receiver_remember(r, h);
	h->settling = NULL;
	if (r->stopped && h->ours && h->counted) {
		h->stage = HELD_OVER;
		bus_quiet(r->bus);
		return;
	}
	if (rq)
		bus_op_done(r->bus, &rq->op, status);
	receiver_left(r, h);
	held_free(h);
}

/* --- the lock ---------------------------------------------------------------------------------- */

static void lose(struct held *h)
{
	struct receiver *r = h->receiver;

	end_renewal(h, -SQ_EGONE);
	if (h->stage != HELD_OUT) { /* the role settled it in that done() */
		bus_timer(r->bus, &h->lock, LATE);
		return;
	}
	bus_timer_stop(r->bus, &h->lock);
	if (h->pn) { /* nothing is said about it: the service knows */
		pn_delivery_set_context(h->pn, NULL);
		pn_delivery_settle(h->pn);
		h->pn = NULL;
		bus_kick(r->bus);
	}
	bus_lost(r->bus, &h->delivery);
	receiver_left(r, h);
	held_free(h);
}

static void lock_over(struct sq_timer *t)
{
	struct held *h = sq_container(t, struct held, lock);

	if (h->stage == HELD_OUT && h->renewing)
		return; /* asked in time: its outcome decides */
	if (h->stage == HELD_OUT)
		lose(h);
	else if (h->stage == HELD_SETTLING)
		held_end(h, -SQ_EUNCERTAIN);
	else
		held_end(h, -SQ_EGONE); /* nobody was told, or nobody asked */
}

void held_watch(struct held *h, int64_t until)
{
	struct bus *b = h->receiver->bus;

	h->delivery.lock_until = until;
	h->lock.fire = lock_over;
	bus_timer(b, &h->lock, until - bus_now(b));
}

/* --- through $management ----------------------------------------------------------------------- */

static pn_message_t *management_message(const char *operation, const char *link)
{
	pn_message_t *m = pn_message();
	pn_data_t *p = m ? pn_message_properties(m) : NULL;

	if (!m)
		return NULL;
	pn_data_put_map(p);
	pn_data_enter(p);
	amqp_put_text(p, "operation", operation);
	if (link)
		amqp_put_text(p, "associated-link-name", link);
	pn_data_exit(p);
	return m;
}

static void put_lock_token(pn_data_t *d, const struct held *h)
{
	pn_data_put_string(d, amqp_bytes("lock-tokens"));
	pn_data_put_array(d, false, PN_UUID);
	pn_data_enter(d);
	pn_data_put_uuid(d, amqp_lock_token(h->tag));
	pn_data_exit(d);
}

static void manage_settled(struct rpc_call *c, int status, const struct rpc_answer *answer)
{
	struct held *h = sq_container(c, struct held, settle_call);

	if (status == -ENOTCONN)
		h->stage = HELD_WAITING;
	else if (status < 0)
		held_end(h, -SQ_EUNCERTAIN);
	else if (answer->code == 200)
		held_end(h, 0);
	else if (error_rule_settling(answer->condition)->trouble == TROUBLE_LOCK)
		held_end(h, -SQ_EGONE);
	else
		held_end(h, -SQ_EUNCERTAIN);
}

static void settle_by_management(struct held *h)
{
	static const char *const words[] = {[SQ_ACK] = "completed",
	                                    [SQ_RETRY] = "abandoned",
	                                    [SQ_RELEASE] = "abandoned",
	                                    [SQ_DEAD] = "suspended"};
	pn_message_t *m;
	pn_data_t *d;
	int r = -ENOMEM;

	h->stage = HELD_WAITING;
	if (!bus_usable(h->receiver->bus) || !h->has_tag)
		return; /* held_connected() comes, or the end of the lock */
	m = management_message("com.microsoft:update-disposition", NULL);
	if (m) {
		d = pn_message_body(m);
		pn_data_put_map(d);
		pn_data_enter(d);
		amqp_put_text(d, "disposition-status", words[h->how]);
		put_lock_token(d, h);
		if (h->how == SQ_DEAD) {
			amqp_put_text(d, "deadletter-reason", h->reason ? h->reason : "");
			amqp_put_text(d, "deadletter-description", h->description ? h->description : "");
		}
		pn_data_exit(d);
		h->settle_call.done = manage_settled;
		r = rpc_ask(h->receiver->management, &h->settle_call, m);
		pn_message_free(m);
	}
	if (r == 0)
		h->stage = HELD_SETTLING;
}

/* --- on the link ------------------------------------------------------------------------------- */

static void put_cut(pn_data_t *d, const char *key, const char *value)
{
	size_t len = value ? strlen(value) : 0;

	pn_data_put_symbol(d, amqp_bytes(key));
	pn_data_put_string(d, pn_bytes(len < TEXT_MOST ? len : TEXT_MOST, value ? value : ""));
}

void settle_reason(pn_delivery_t *d, const char *reason, const char *description)
{
	pn_condition_t *c = pn_disposition_condition(pn_delivery_local(d));
	pn_data_t *info = pn_condition_info(c);

	pn_condition_set_name(c, "com.microsoft:dead-letter");
	pn_data_clear(info);
	pn_data_put_map(info);
	pn_data_enter(info);
	put_cut(info, "DeadLetterReason", reason);
	put_cut(info, "DeadLetterErrorDescription", description);
	pn_data_exit(info);
}

static void settle_now(struct held *h)
{
	static const uint64_t outcomes[] = {[SQ_ACK] = PN_ACCEPTED,
	                                    [SQ_RETRY] = PN_MODIFIED,
	                                    [SQ_RELEASE] = PN_RELEASED,
	                                    [SQ_DEAD] = PN_REJECTED};

	if (!h->pn) {
		settle_by_management(h);
		return;
	}
	h->stage = HELD_SETTLING;
	if (h->how == SQ_DEAD)
		settle_reason(h->pn, h->reason, h->description);
	if (h->how == SQ_RETRY)
		pn_disposition_set_failed(pn_delivery_local(h->pn), true);
	pn_delivery_update(h->pn, outcomes[h->how]);
	bus_kick(h->receiver->bus);
}

static void paused(struct sq_timer *t)
{
	struct held *h = sq_container(t, struct held, pause);

	bus_timer_stop(h->receiver->bus, &h->pause);
	settle_now(h);
}

void held_settle(struct held *h)
{
	struct bus *b = h->receiver->bus;
	int64_t pause = h->how == SQ_RETRY ? RETRY_PAUSE : h->how == SQ_RELEASE ? RELEASE_PAUSE : 0;
	int64_t left = h->delivery.lock_until - bus_now(b);

	bus_timer_stop(b, &h->pause); /* it was parked */
	h->stage = HELD_PAUSING;
	if (left <= 0)
		bus_timer(b, &h->lock, LATE);
	if (pause > left / 2)
		pause = left / 2;
	if (pause <= 0 || h->ours || h->receiver->stopped) {
		settle_now(h);
		return;
	}
	h->pause.fire = paused;
	bus_timer(b, &h->pause, pause);
}

void held_settled(struct held *h)
{
	pn_delivery_t *d = h->pn;
	pn_condition_t *c;
	int status = 0;

	if (!pn_delivery_updated(d) || !pn_delivery_settled(d))
		return;
	if (h->stage == HELD_OUT) { /* taken away from us before we said anything */
		lose(h);
		return;
	}
	c = pn_disposition_condition(pn_delivery_remote(d));
	if (pn_delivery_remote_state(d) == PN_REJECTED && pn_condition_is_set(c) &&
	    strcmp(pn_condition_get_name(c), "com.microsoft:dead-letter") != 0)
		status = error_rule_settling(pn_condition_get_name(c))->trouble == TROUBLE_LOCK
		             ? -SQ_EGONE
		             : -SQ_EUNCERTAIN;
	held_end(h, status);
}

void held_unlinked(struct held *h)
{
	h->pn = NULL;
	if (h->stage == HELD_PARKED)
		held_end(h, -SQ_EGONE);
	else if (h->stage == HELD_SETTLING && !h->settle_call.own.owner)
		held_end(h, -SQ_EUNCERTAIN);
}

void held_connected(struct held *h)
{
	if (h->stage == HELD_WAITING)
		settle_by_management(h);
}

/* --- renewing ---------------------------------------------------------------------------------- */

static int64_t first_expiry(pn_data_t *d)
{
	int64_t until = 0;

	if (!amqp_find(d, "expirations") || pn_data_get_array(d) == 0)
		return 0;
	pn_data_enter(d);
	if (pn_data_next(d))
		amqp_number(d, &until);
	return until;
}

static void renewed(struct rpc_call *c, int status, const struct rpc_answer *answer)
{
	struct held *h = sq_container(c, struct held, renew_call);
	struct receiver *r = h->receiver;

	if (h->stage != HELD_OUT) { /* it is being settled: what the lock does now is no matter */
		end_renewal(h, -SQ_EUNCERTAIN);
	} else if (status == 0 && answer->code == 200) {
		held_watch(h, receiver_lock_end(r, h->asked, first_expiry(answer->body)));
		end_renewal(h, 0);
	} else if (status == 0 && error_rule_settling(answer->condition)->trouble == TROUBLE_LOCK) {
		lose(h);
	} else if (bus_now(r->bus) >= h->delivery.lock_until) {
		lose(h);
	} else {
		end_renewal(h, status < 0 ? status : -EIO);
	}
}

int held_renew(struct held *h, struct sq_settling *rq)
{
	struct receiver *r = h->receiver;
	pn_message_t *m;
	pn_data_t *d;
	int status;

	if (h->renewing)
		return -EBUSY;
	if (!bus_usable(r->bus) || !h->has_tag)
		return -ENOTCONN;
	m = management_message("com.microsoft:renew-lock",
	                       h->pn ? pn_link_name(pn_delivery_link(h->pn)) : NULL);
	if (!m)
		return -ENOMEM;
	d = pn_message_body(m);
	pn_data_put_map(d);
	pn_data_enter(d);
	put_lock_token(d, h);
	pn_data_exit(d);
	h->asked = bus_now(r->bus);
	h->renew_call.done = renewed;
	status = rpc_ask(r->management, &h->renew_call, m);
	pn_message_free(m);
	if (status == 0)
		h->renewing = rq;
	return status;
}
