/*
 * sender.h - publishing: each message is sent once and waits for the queue's word.
 *
 * A message whose connection or link is lost before the answer ends with -SQ_EUNCERTAIN, and whoever sends it
 * again names the same id. Without a connection nothing is held; while one
 * is being made messages wait for how that goes. While the queue is busy (throttled) messages
 * wait here, as long as their caller's time-out lets them. Loop thread only.
 */
#ifndef SERVICEBUS_SENDER_H
#define SERVICEBUS_SENDER_H

#include <squall/transport.h>

#include "endpoint.h"
#include "plugins/common/list.h"

struct sender {
	struct bus *bus;
	struct endpoint endpoint;
	struct link waiting; /* of struct post: to be sent */
	struct link sent; /* without an answer yet */
	struct link ending; /* they end in this very call */
	uint64_t serial;
	struct sq_timer rest; /* the queue was busy */
	bool resting;
	struct backoff backoff;
};

void sender_init(struct sender *s, struct bus *bus, const char *queue);
int sender_publish(struct sender *s, struct sq_publish *rq);
int sender_cancel(struct sender *s, struct sq_op *op); /* -ENOENT: it is none of its own */
void sender_lost(struct sender *s); /* the connection */
void sender_free(struct sender *s);

#endif
