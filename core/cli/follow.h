/*
 * follow.h - stays with a test until it is over: by its events (SSE) as long as they come, else by
 * asking each second. Reconnects, and goes on where it was.
 */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include <stdbool.h>

#include "api.h"
#include "screen.h"
#include "view.h"

enum follow_end {
	FOLLOW_OVER, /* the test is in a final state */
	FOLLOW_LEFT, /* a signal, and signals detach */
	FOLLOW_LOST, /* the gateway is gone, or refuses; said */
};

struct follow_how {
	bool cancels; /* a signal cancels the test; else it detaches */
	bool stays; /* tells the gateway that it is there, as the test was begun so */
	/* Asked about twice a second; false ends it as lost (said by the callee). NULL: always fine. */
	bool (*alive)(void *ctx);
	void *ctx;
};

/* id: as the gateway has it. screen: NULL shows nothing. view: begun with the record. */
enum follow_end follow(struct api *api, const char *id, struct view *view, struct screen *screen,
                       const struct follow_how *how);

#endif
