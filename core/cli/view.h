/*
 * view.h - what is known of a running test, and how it looks. Pure: no clock, no terminal.
 *
 * Fed with the record (GET /tests/{id}) and with the points of the timeline. Percentiles are those of
 * the whole run so far, from the merged histograms of the points.
 */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/hist.h"

struct json_object;

#define VIEW_SPARKS 60 /* seconds of rates that are kept */
#define SHORT_ID 8 /* characters of an id that people are shown */

struct view {
	char id[64], method[32], url[2048];
	int64_t rate, duration; /* constant rate: millionths per second; ns; 0 = not known, or not constant */
	uint64_t most; /* requests after which it ends, where no rate says when; 0 = none */
	uint64_t whole; /* requests in all, without the warm-up; 0 = nobody knows before the end */
	char load[64]; /* what is asked for: "500/s", "up to 1,000/s", "16 connections" */
	uint64_t workers;

	char state[32];
	int64_t since, deadline; /* Unix ms: when the state began and must end; 0 = not known */
	char why[256]; /* what the state waits for */

	int64_t next; /* second of the next point */
	uint64_t sent, errors;
	double second_rate, lag_p99,
	    cpu; /* of the last point; lag in ms, cpu in percent; negative = not known */
	double rates[VIEW_SPARKS]; /* a ring */
	unsigned rate_count; /* points so far */
	struct hist *response, *part; /* NULL without memory: no percentiles */

	const char *hint; /* what Ctrl-C does */
	const char *note; /* takes the place of the generator's line; NULL: none */
};

struct look {
	unsigned width; /* columns */
	bool utf8, color;
};

void view_init(struct view *v);
void view_free(struct view *v);
void view_record(struct view *v, struct json_object *record);
void view_state(struct view *v, struct json_object *step); /* an entry of the history */
/* A point that was seen already, or is none, changes nothing. Whether it was new. */
bool view_point(struct view *v, struct json_object *point);

bool view_over(const struct view *v); /* the state is a final one */
bool view_measures(const struct view *v); /* requests have been sent */

/* How much a plan, or a line of the list of tests, asks for: "500/s", "up to 1,000/s", "16 connections"; ""
 * when it does not say. */
void view_load(struct json_object *plan, char out[64]);

/* "squall: test 7f3k9m2q  POST http://...  500/s for 30 s  2 workers", on one line or more. */
void view_title(const struct view *v, struct buf *out);
/* The block that is redrawn: lines of at most look->width columns. now: Unix ms. */
void view_block(const struct view *v, const struct look *look, int64_t now, struct buf *out);
/* Lines for logs: what the last point said, and what the test waits for. */
void view_point_line(const struct view *v, struct buf *out);
void view_state_line(const struct view *v, int64_t now, struct buf *out);

#endif
