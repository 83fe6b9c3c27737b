/* follow.c - stays with a test until it is over. */
#include "follow.h"

#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "core/base/backoff.h"
#include "json.h"
#include "output.h"
#include "say.h"
#include "signals.h"
#include "sse.h"

#define PACE SQ_S /* of asking and of redrawing */
#define STREAMS_MAX 3 /* event streams that broke without one event before we ask instead */
#define GIVE_UP (60 * SQ_S) /* without any word from the gateway */
#define TURN_MS 500
#define PRESENCE_EVERY (5 * SQ_S) /* of the 30 s after which the test would be cancelled */

/* A request that is made again and again. */
struct ask {
	struct call call;
	bool busy;
	int64_t at; /* when the next one is due */
};

struct follow {
	struct api *api;
	const char *id;
	struct view *view;
	struct screen *screen;
	const struct follow_how *how;
	struct sse sse;
	struct ask events, record, timeline, cancel, presence;
	struct backoff backoff;
	unsigned broken; /* streams, since the last event */
	bool polling; /* no events: ask instead */
	bool cancelling, cancelled, over, lost;
	int64_t heard, drawn; /* when */
	char said[256]; /* the last line about a state, without screen blocks */
};

static int64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SQ_S + t.tv_nsec;
}

/* --- what is shown --------------------------------------------------------------------------- */

static void draw(struct follow *f)
{
	struct buf block = {0};

	if (!f->screen || !f->screen->terminal)
		return;
	if (signals_resized())
		screen_resize(f->screen);
	view_block(f->view, &f->screen->look, output_now(), &block);
	screen_block(f->screen, &block);
	buf_free(&block);
	f->drawn = monotonic();
}

static void say_point(struct follow *f)
{
	struct buf line = {0};

	if (!f->screen || f->screen->terminal)
		return;
	view_point_line(f->view, &line);
	screen_text(f->screen, &line);
	buf_free(&line);
}

/* What a state waits for, when that is news. While requests are sent the points say more. */
static void say_state(struct follow *f)
{
	char news[sizeof f->said];
	struct buf line = {0};

	if (!f->screen || f->screen->terminal || view_over(f->view) || strcmp(f->view->state, "running") == 0)
		return;
	snprintf(news, sizeof news, "%s %.200s %s", f->view->state, f->view->why,
	         f->view->note ? f->view->note : "");
	if (strcmp(news, f->said) == 0)
		return;
	strcpy(f->said, news);
	view_state_line(f->view, output_now(), &line);
	screen_text(f->screen, &line);
	buf_free(&line);
}

/* --- what comes ------------------------------------------------------------------------------ */

static void take_event(void *ctx, const char *name, const char *data, size_t len)
{
	struct follow *f = ctx;
	struct json_object *o = json_read(data, len, NULL);

	f->broken = 0;
	backoff_reset(&f->backoff);
	if (strcmp(name, "point") == 0) {
		if (view_point(f->view, o)) {
			say_point(f);
			draw(f);
		}
	} else if (strcmp(name, "state") == 0 || strcmp(name, "end") == 0) {
		view_state(f->view, o);
		f->over = view_over(f->view);
		f->record.at = 0; /* it says what the state waits for, and how long */
		draw(f);
	}
	json_object_put(o);
}

static void take_bytes(void *ctx, const char *data, size_t len)
{
	struct follow *f = ctx;

	f->heard = monotonic();
	sse_feed(&f->sse, data, len);
}

/* Whether there was a new one. */
static bool take_points(struct follow *f, struct json_object *answer)
{
	struct json_object *points = member_get(answer, "points");
	bool any = false;

	if (!json_object_is_type(points, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(points); i++)
		if (view_point(f->view, json_object_array_get_idx(points, i))) {
			any = true;
			say_point(f);
		}
	if (any)
		draw(f);
	return any;
}

/* --- what is asked --------------------------------------------------------------------------- */

static void start(struct follow *f, struct ask *a, const struct request *r)
{
	a->busy = call_start(f->api, &a->call, r) == 0;
	if (!a->busy)
		a->at = monotonic() + PACE;
}

static void start_events(struct follow *f)
{
	char path[128], header[128];
	const struct request r = {
	    .method = "GET", .path = path, .header = *f->sse.id ? header : NULL, .stream = true};

	snprintf(path, sizeof path, "/tests/%s/events", f->id);
	snprintf(header, sizeof header, "Last-Event-ID: %s", f->sse.id);
	f->events.call.sink = take_bytes;
	f->events.call.ctx = f;
	sse_restart(&f->sse);
	start(f, &f->events, &r);
}

/* tail: of the path, behind the id. */
static void start_ask(struct follow *f, struct ask *a, const char *method, const char *tail)
{
	char path[128];
	const struct request r = {.method = method, .path = path};

	snprintf(path, sizeof path, "/tests/%s%s", f->id, tail);
	start(f, a, &r);
}

/* While requests are sent, the events say all; before and after, the record says what is awaited. */
static bool wants_record(const struct follow *f, int64_t now)
{
	return !f->record.busy && now >= f->record.at &&
	       (f->polling || strcmp(f->view->state, "running") != 0 || f->broken > 0);
}

static void start_timeline(struct follow *f)
{
	char tail[64];

	/* Points are numbered from 1, seconds from 0. */
	snprintf(tail, sizeof tail, "/timeline?from=%lld", (long long)f->view->next + 1);
	start_ask(f, &f->timeline, "GET", tail);
}

static void start_due(struct follow *f, int64_t now)
{
	if (f->cancelling && !f->cancelled && !f->cancel.busy && now >= f->cancel.at)
		start_ask(f, &f->cancel, "POST", "/cancel");
	if (f->how->stays && !f->presence.busy && now >= f->presence.at)
		start_ask(f, &f->presence, "POST", "/presence");
	if (!f->polling && !f->events.busy && now >= f->events.at)
		start_events(f);
	if (wants_record(f, now))
		start_ask(f, &f->record, "GET", "");
	if (f->polling && !f->timeline.busy && now >= f->timeline.at)
		start_timeline(f);
}

/* A document, if the call brought one. */
static struct json_object *read_answer(struct follow *f, struct ask *a)
{
	if (!call_good(&a->call))
		return NULL;
	f->heard = monotonic();
	return json_read(a->call.answer.data ? a->call.answer.data : "", a->call.answer.len, NULL);
}

static bool is_refused(const struct ask *a)
{
	return a->call.code == CURLE_OK && a->call.status / 100 == 4 && a->call.status != 429;
}

static void end_events(struct follow *f)
{
	bool refused = f->events.call.code == CURLE_OK && f->events.call.status != 200;

	if (f->over)
		return;
	f->polling = refused || ++f->broken >= STREAMS_MAX;
	f->events.at = monotonic() + backoff_next(&f->backoff);
	f->record.at = f->timeline.at = 0;
}

/* Without the record there is nothing to follow: a refusal is final. */
static void end_record(struct follow *f)
{
	struct json_object *o = read_answer(f, &f->record);

	if (o) {
		view_record(f->view, o);
		f->over = view_over(f->view);
		draw(f);
		say_state(f);
	} else if (is_refused(&f->record)) {
		call_explain(&f->record.call);
		f->lost = true;
	}
	json_object_put(o);
	f->record.at = monotonic() + PACE;
}

/* A page may hold only some of the points that are there. */
static void end_timeline(struct follow *f)
{
	struct json_object *o = read_answer(f, &f->timeline);

	f->timeline.at = take_points(f, o) ? 0 : monotonic() + PACE;
	json_object_put(o);
}

static void end_cancel(struct follow *f)
{
	f->cancelled = call_good(&f->cancel.call) || is_refused(&f->cancel);
	if (is_refused(&f->cancel))
		call_explain(&f->cancel.call);
	f->record.at = 0;
	f->cancel.at = monotonic() + PACE;
}

/* One that got lost is made good soon. */
static void end_presence(struct follow *f)
{
	f->presence.at = monotonic() + (call_good(&f->presence.call) ? PRESENCE_EVERY : PACE);
}

static void take_ended(struct follow *f)
{
	static void (*const take[])(struct follow *) = {end_events, end_record, end_timeline, end_cancel,
	                                                end_presence};
	struct ask *asks[] = {&f->events, &f->record, &f->timeline, &f->cancel, &f->presence};

	for (size_t i = 0; i < SQ_LEN(asks); i++)
		if (asks[i]->busy && asks[i]->call.ended) {
			take[i](f);
			call_end(&asks[i]->call);
			asks[i]->busy = false;
		}
}

/* --- the whole ------------------------------------------------------------------------------- */

static void begin_cancel(struct follow *f)
{
	f->cancelling = true;
	f->view->note = "cancelling; once more kills squall";
	f->view->hint = NULL;
	draw(f);
	say_state(f);
}

static bool is_silent(const struct follow *f, int64_t now)
{
	if (now - f->heard < GIVE_UP)
		return false;
	say("no word from the gateway %s for 60 s; the test may go on: squall watch %.8s", f->api->authority,
	    f->id);
	return true;
}

/* Without events the end is known before the last seconds are. */
static void catch_up(struct follow *f)
{
	if (!f->polling && f->broken == 0)
		return;
	do {
		if (!f->timeline.busy)
			start_timeline(f);
		while (f->timeline.busy) {
			api_wait(f->api, TURN_MS);
			take_ended(f);
		}
	} while (f->timeline.at == 0);
}

static enum follow_end stay(struct follow *f)
{
	while (!f->over && !f->lost) {
		int64_t now = monotonic();

		if (signals_taken() && !f->how->cancels)
			return FOLLOW_LEFT;
		if (signals_taken() && !f->cancelling)
			begin_cancel(f);
		if (is_silent(f, now) || (f->how->alive && !f->how->alive(f->how->ctx)))
			return FOLLOW_LOST;
		start_due(f, now);
		if (now - f->drawn >= PACE)
			draw(f);
		api_wait(f->api, TURN_MS);
		take_ended(f);
	}
	return f->over ? FOLLOW_OVER : FOLLOW_LOST;
}

enum follow_end follow(struct api *api, const char *id, struct view *view, struct screen *screen,
                       const struct follow_how *how)
{
	struct follow f = {
	    .api = api,
	    .id = id,
	    .view = view,
	    .screen = screen,
	    .how = how,
	    .sse = {.event = take_event, .ctx = &f},
	    .backoff = {.base = 100 * SQ_MS, .ceiling = 2 * SQ_S, .seed = (uint64_t)output_now()},
	    .heard = monotonic(),
	};
	enum follow_end end;

	draw(&f);
	say_state(&f);
	end = stay(&f);
	if (end == FOLLOW_OVER)
		catch_up(&f);
	call_end(&f.events.call);
	call_end(&f.record.call);
	call_end(&f.timeline.call);
	call_end(&f.cancel.call);
	call_end(&f.presence.call);
	sse_free(&f.sse);
	return end;
}
