/* watch.c - list, then watch, for ever. */
#include "watch.h"

#include <errno.h>
#include <json-c/json.h>
#include <json-c/json_pointer.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/common/doc.h"

#define ROUND 240 /* s: how long the server keeps one watch open */
#define SILENCE (60 * SQ_S) /* bookmarks come about once a minute; the end of a round within it */
#define QUICK (5 * SQ_S) /* a watch that ends sooner did not do any good */
#define PROOF (1 * SQ_S) /* one that was answered and goes on for so long is no refusal */
#define TROUBLES_MAX 2 /* from one version */
#define EVENT_MAX (4u << 20)
#define DEPTH 64

static void go_on(struct watch *w, int64_t after)
{
	const struct sq_host *h = w->api->host;

	h->timer_start(h->ctx, &w->timer, after);
}

static void set_state(struct watch *w, bool up, const char *why)
{
	if (w->up != up || !up)
		w->calls->state(w, up, why);
	w->up = up;
}

static void note_version(struct watch *w, struct json_object *o)
{
	struct json_object *v = NULL;

	if (json_pointer_get(o, "/metadata/resourceVersion", &v) == 0 &&
	    json_object_is_type(v, json_type_string))
		snprintf(w->version, sizeof w->version, "%s", json_object_get_string(v));
}

/* --- list ------------------------------------------------------------------------------------ */

static void take_list(struct watch *w, struct json_object *answer)
{
	struct json_object *items = NULL;

	w->calls->begin(w);
	json_object_object_get_ex(answer, "items", &items);
	for (size_t i = 0; json_object_is_type(items, json_type_array) && i < json_object_array_length(items);
	     i++)
		w->calls->changed(w, json_object_array_get_idx(items, i), false);
	note_version(w, answer);
	w->calls->end(w);
}

static void listed(struct api_call *c, int status, struct json_object *answer)
{
	struct watch *w = sq_container(c, struct watch, list);

	if (status < 0) {
		w->refused = c->http;
		set_state(w, false, c->why);
		go_on(w, backoff_next(&w->backoff));
		return;
	}
	w->lost = false;
	take_list(w, answer);
	if (w->lost)
		*w->version = '\0';
	w->troubles = 0;
	set_state(w, *w->version, w->lost ? "not enough memory" : "the list names no version");
	go_on(w, *w->version ? 0 : backoff_next(&w->backoff));
}

static void ask_list(struct watch *w)
{
	w->list.method = "GET";
	buf_printf(&w->list.path, "%s?labelSelector=%s", w->path, w->selector);
	w->list.done = listed;
	api_call(w->api, &w->list);
}

/* --- watch ----------------------------------------------------------------------------------- */

static void take_error(struct watch *w, struct json_object *object)
{
	struct json_object *code = NULL;

	json_object_object_get_ex(object, "code", &code);
	w->told = code ? json_object_get_int(code) : 500;
}

static void take_event(struct watch *w, struct sq_slice line)
{
	struct json_object *event = NULL, *type = NULL, *object = NULL;
	const char *word;

	if (doc_parse(line, DEPTH, &event, NULL) < 0) {
		watch_lost(w);
		return;
	}
	json_object_object_get_ex(event, "type", &type);
	json_object_object_get_ex(event, "object", &object);
	word = type ? json_object_get_string(type) : "";
	if (strcmp(word, "ERROR") == 0) {
		take_error(w, object);
	} else if (object) {
		w->troubles = 0;
		note_version(w, object);
		if (strcmp(word, "BOOKMARK") != 0)
			w->calls->changed(w, object, strcmp(word, "DELETED") == 0);
	}
	json_object_put(event);
}

/* Events are lines; the rest of one that was cut off comes again from the last version. */
static void take_piece(struct fetch *rq, struct sq_slice bytes)
{
	struct watch *w = sq_container(rq, struct watch, stream);
	char *end;

	buf_add(&w->line, bytes.data, bytes.len);
	while (!w->lost && w->line.len > 0 && (end = memchr(w->line.data, '\n', w->line.len)) != NULL) {
		size_t len = (size_t)(end - w->line.data);

		take_event(w, (struct sq_slice){w->line.data, len});
		buf_drop(&w->line, len + 1);
	}
	if (w->line.len > EVENT_MAX || buf_failed(&w->line))
		watch_lost(w);
	if (w->lost)
		fetch_cancel(rq);
}

/* Why there is no watch, or NULL: a round is over, its connection was lost, or a list is due. */
static const char *refusal(struct watch *w, int http)
{
	if (w->lost || http == 410 || (http >= 200 && http < 300))
		return NULL;
	if (http == 0)
		return w->stream.why;
	snprintf(w->why, sizeof w->why, "the watch was answered %d", http);
	return w->why;
}

/* It may lie in the version: not when nobody answered, or it was too much, or not allowed, whatever we asked.
 */
static bool is_trouble(int http)
{
	return http >= 300 && http != 401 && http != 403 && http != 429;
}

static void ended(struct sq_op *op, int status)
{
	struct watch *w = sq_container(op, struct watch, stream.op);
	const struct sq_host *h = w->api->host;
	int http = w->told ? w->told : w->stream.status;
	bool useful = h->now(h->ctx) - w->begun > QUICK;
	const char *why = refusal(w, http);
	int64_t wait;

	w->streaming = false;
	if (status < 0 || http >= 500)
		api_troubled(w->api);
	buf_reset(&w->line);
	if (!why)
		w->troubles = 0;
	else if (is_trouble(http))
		w->troubles++;
	if (http == 410 || w->lost || w->troubles >= TROUBLES_MAX)
		*w->version = '\0';
	if (useful)
		backoff_reset(&w->backoff);
	/* A server that ends every watch at once would be asked without a pause. */
	wait = useful && status == 0 ? 0 : backoff_next(&w->backoff);
	if (why) {
		int64_t asked = api_retry_after(&w->stream);

		w->refused = http;
		set_state(w, false, why);
		wait = asked > wait ? asked : wait;
	}
	go_on(w, wait);
}

static void begin_stream(struct watch *w)
{
	int r;

	buf_reset(&w->url);
	buf_printf(
	    &w->url,
	    "%s%s?labelSelector=%s&watch=1&allowWatchBookmarks=true&timeoutSeconds=%d&resourceVersion=%s",
	    w->api->server, w->path, w->selector, ROUND, w->version);
	w->told = 0;
	w->begun = w->api->host->now(w->api->host->ctx);
	w->lost = false;
	w->stream = (struct fetch){.op = {.done = ended, .timeout = (ROUND + 60) * SQ_S},
	                           .method = "GET",
	                           .url = w->url.data,
	                           .headers = w->headers,
	                           .connect_timeout = 10 * SQ_S,
	                           .tls = &w->api->tls,
	                           .piece = take_piece,
	                           .idle_timeout = SILENCE + 30 * SQ_S};
	snprintf(w->why, sizeof w->why, "not enough memory");
	r = buf_failed(&w->url) ? -ENOMEM : api_authorize(w->api, w->headers, w->why);
	if (r == 0)
		r = fetch_start(w->api->fetcher, &w->stream);
	w->streaming = r == 0;
	if (r == 0 && !w->up)
		go_on(w, PROOF);
	if (r < 0) {
		w->refused = 0;
		set_state(w, false, w->why);
		go_on(w, backoff_next(&w->backoff));
	}
}

/* --- life ------------------------------------------------------------------------------------ */

/* After trouble: from the version on that was known, nothing is missed. */
static void look_at_stream(struct watch *w)
{
	int http = fetch_status(&w->stream);

	if (http == 0)
		go_on(w, PROOF); /* nobody has answered yet */
	else if (http >= 200 && http < 300)
		set_state(w, true, NULL);
}

static void next_step(struct sq_timer *t)
{
	struct watch *w = sq_container(t, struct watch, timer);

	if (w->streaming)
		look_at_stream(w);
	else if (*w->version)
		begin_stream(w);
	else
		ask_list(w);
}

void watch_start(struct watch *w, struct api *api, const struct watch_calls *calls, const char *path,
                 const char *selector)
{
	*w = (struct watch){.api = api, .calls = calls, .path = path, .selector = selector};
	w->timer.fire = next_step;
	w->backoff = (struct backoff){
	    .base = 200 * SQ_MS, .ceiling = 10 * SQ_S, .seed = (uint64_t)(uintptr_t)w};
	go_on(w, 0);
}

void watch_lost(struct watch *w)
{
	w->lost = true;
}

void watch_stop(struct watch *w)
{
	if (!w->api)
		return;
	w->api->host->timer_stop(w->api->host->ctx, &w->timer);
	api_forget(&w->list);
	if (w->streaming)
		fetch_forget(&w->stream);
	w->streaming = false;
	buf_free(&w->url);
	buf_free(&w->line);
	w->api = NULL;
}
