/*
 * gateway_rig.h - a gateway in a unit test: time by hand, one record in memory, and every outcome of the
 * store and the queue as the test wants it.
 *
 * rig_ask() hands a request to a route and lets everything happen that needs no time. What waits for
 * time waits for rig_pass(). Outcomes are taken from a script first, one for each put or publish.
 */
#ifndef TESTS_GATEWAY_RIG_H
#define TESTS_GATEWAY_RIG_H

#include "plugins/role/gateway/gateway.h"

#define RIG_TEXT (1 << 16)
#define RIG_SCRIPT 32

struct rig_record { /* there when version > 0 */
	uint64_t version;
	char state[32];
	enum sq_life life;
	char body[RIG_TEXT];
	size_t len;
};

struct rig {
	struct sq_host host;
	struct gateway *gw;
	int64_t now;
	struct rig_record record;

	/* What puts and messages end with; 0 = as it would. applied: an uncertain put was done all the same.
	 */
	struct {
		int status;
		bool applied;
	} puts[RIG_SCRIPT];
	int publishes[RIG_SCRIPT];
	unsigned put_count, publish_count; /* so far */
	int store; /* every other verb of the store ends with this, 0 = as it would */
	bool refuse; /* they do so at once, without being accepted */
	bool hold; /* answers of the store do not come until it is false */
	const struct sq_entry *entries; /* of the timeline */
	uint32_t entry_count;
	const struct sq_part *parts;
	uint32_t part_count;
	bool fetched; /* the target answers */

	/* The answer. */
	unsigned answers;
	int status;
	char body[RIG_TEXT];
	size_t len;
	struct sq_stream *stream; /* open */
	bool ended; /* end() was called */
	bool full; /* write() says so */
	unsigned closed;

	struct sq_http rq;
	struct sq_header headers[2];
	struct {
		struct sq_op *op;
		int status;
		void (*fill)(struct rig *r, struct sq_op *op); /* outputs, before done() */
	} ops[16];
	unsigned op_count;
	struct sq_timer *timers[8];
	int64_t due[8];
	int64_t cells[4];
	unsigned cell_count;
};

/* 0, or what create() gives. */
int rig_open(struct rig *r);
void rig_close(struct rig *r); /* drains */

/* header: of "Name: value", or NULL. The answer so far is forgotten. */
void rig_ask(struct rig *r, void (*handle)(void *self, struct sq_http *rq), const char *id, const char *query,
             const char *header, const char *body);
void rig_settle(struct rig *r);
void rig_pass(struct rig *r, int64_t ns);
void rig_leave(struct rig *r); /* the client of the stream is gone */

#endif
