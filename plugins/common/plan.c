/* plan.c - the table of a plan's fields, the effective plan, and the list of problems. */
#include "plan.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "doc.h"
#include "plan_field.h"

#define PROBLEMS_LISTED 100

const char *const plan_timer_name[] = {"auto", "precise", "balanced", "economy", NULL};
const char *const plan_loss_name[] = {"abort", "degrade", "redistribute", NULL};

#define NUMBER(name, field, digits, min, max, value, help)                                                \
	{                                                                                                 \
		name, PLAN_T_NUMBER, help, offsetof(struct plan, field), digits, min, max, value, 0, NULL \
	}
#define FOLLOWS(name, field, digits, min, max, value, least, help)                                \
	{                                                                                         \
		name, PLAN_T_NUMBER, help, offsetof(struct plan, field), digits, min, max, value, \
		    offsetof(struct plan, least), NULL                                            \
	}
#define TEXT(name, type, max, help)                        \
	{                                                  \
		name, type, help, 0, 0, 0, max, 0, 0, NULL \
	}
#define LATER(name)                                            \
	{                                                      \
		name, PLAN_T_LATER, "", 0, 0, 0, 0, 0, 0, NULL \
	}
#define WORD(name, field, words, value, help)                                                   \
	{                                                                                       \
		name, PLAN_T_WORD, help, offsetof(struct plan, field), 0, 0, 0, value, 0, words \
	}

/*
 * timeout and patience together stay below the hour that a histogram can hold.
 * The ceiling of max_in_flight is what a worker can remember in about 100 MB.
 */
const struct plan_field plan_fields[] = {
    TEXT("name", PLAN_T_NAME, 128, "a name for people"),
    TEXT("url", PLAN_T_URL, 2047, "http://host[:port][/path][?query]"),
    TEXT("headers", PLAN_T_HEADERS, 16384, "an object of names and values"),
    TEXT("body", PLAN_T_BODY, 1 << 20, "text to send with each request"),
    TEXT("method", PLAN_T_METHOD, 32,
         "GET, POST, PUT, ..."), /* after url and body: its default is from them */
    NUMBER("hits_per_sec", rate, 6, 1, 10000000 * PLAN_RATE_ONE, 10 * PLAN_RATE_ONE,
           "requests per second over all workers"),
    NUMBER("duration_sec", duration, 9, SQ_MS, 30 * 86400 * SQ_S, 60 * SQ_S, "seconds"),
    NUMBER("workers", workers, 0, 1, 10000, 1, "number of workers"),
    NUMBER("max_connections", max_connections, 0, 1, 1000000, 1000, "connections of one worker"),
    FOLLOWS("max_in_flight", max_in_flight, 0, 1, 1000000, 100000, max_connections,
            "requests of one worker that are due and not ended"),
    NUMBER("timeout_ms", timeout, 6, SQ_MS, 1800 * SQ_S, 30 * SQ_S, "milliseconds from sent to answered"),
    FOLLOWS("patience_ms", patience, 6, SQ_MS, 1800 * SQ_S, 0, timeout,
            "milliseconds to wait for a connection"),
    FOLLOWS("drain_sec", drain, 9, 0, 3600 * SQ_S, 0, timeout, "seconds to wait for the last answers"),
    NUMBER("expect_status", expect_status, 0, 0, 999, 0, "the status that is ok, 0 for any of 200-399"),
    WORD("timer", timer, plan_timer_name, PLAN_TIMER_AUTO, "auto, precise, balanced or economy"),
    TEXT("labels", PLAN_T_LABELS, 256, "an object of names and texts"),
    TEXT("thresholds", PLAN_T_THRESHOLDS, 0, "an object of metrics with lists of expressions"),
    TEXT("auto_stop", PLAN_T_AUTO_STOP, 0,
         "false, or an object like {\"error_rate\": 0.9, \"window_sec\": 60}"),
    WORD("on_worker_loss", on_worker_loss, plan_loss_name, PLAN_LOSS_DEGRADE,
         "abort, degrade or redistribute"),
    TEXT("secret_headers", PLAN_T_SECRET_HEADERS, 0, "a list of names of headers"), /* after headers */
    LATER("requests"),
    LATER("stages"),
    LATER("arrival"),
    LATER("seed"),
    LATER("mode"),
    LATER("connections"),
    LATER("think_ms"),
    LATER("requests_per_connection"),
    LATER("max_requests"),
    LATER("timeouts_ms"),
    LATER("tls"),
    LATER("resolve"),
    LATER("connect_to"),
    LATER("unix_socket"),
    LATER("data"),
    LATER("checks"),
    LATER("warmup_sec"),
    {NULL, PLAN_T_LATER, NULL, 0, 0, 0, 0, 0, 0, NULL},
};

_Static_assert(SQ_LEN(plan_fields) <= PLAN_FIELDS_MAX, "PLAN_FIELDS_MAX is too small");

const struct plan_field *plan_field(const char *name)
{
	for (const struct plan_field *f = plan_fields; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static void free_headers(struct plan_header *list, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		free(list[i].name);
		free(list[i].value);
	}
	free(list);
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	free_headers(p->headers, p->header_count);
	free_headers(p->labels, p->label_count);
	for (uint32_t i = 0; i < p->secret_header_count; i++)
		free(p->secret_headers[i]);
	free(p->secret_headers);
	free(p->thresholds);
	free(p->name);
	free(p->method);
	free(p->body);
	free(p);
}

static struct json_object *write_headers(const struct plan_header *list, uint32_t count)
{
	struct json_object *o = json_object_new_object();
	bool good = true;

	for (uint32_t i = 0; good && i < count; i++)
		good = doc_put_text(o, list[i].name, list[i].value);
	return doc_close(o, good);
}

static bool write_body(const struct plan *p, struct json_object *o, const char *name)
{
	return p->body ? doc_put(o, name, plan_write_body(p)) : doc_put_null(o, name);
}

static bool write_field(const struct plan *p, const struct plan_field *f, struct json_object *o)
{
	switch (f->type) {
	case PLAN_T_NUMBER:
		return doc_put_decimal(o, f->name, *(const int64_t *)((const char *)p + f->off), f->digits);
	case PLAN_T_NAME:
		return doc_put_text(o, f->name, p->name);
	case PLAN_T_URL:
		return doc_put_text(o, f->name, p->url.text);
	case PLAN_T_METHOD:
		return doc_put_text(o, f->name, p->method);
	case PLAN_T_HEADERS:
		return doc_put(o, f->name, write_headers(p->headers, p->header_count));
	case PLAN_T_BODY:
		return write_body(p, o, f->name);
	case PLAN_T_WORD:
		return doc_put_text(o, f->name, f->words[*(const int *)((const char *)p + f->off)]);
	case PLAN_T_LABELS:
		return doc_put(o, f->name, write_headers(p->labels, p->label_count));
	case PLAN_T_THRESHOLDS:
		return doc_put(o, f->name, plan_write_thresholds(p));
	case PLAN_T_AUTO_STOP:
		return doc_put(o, f->name, plan_write_auto_stop(p));
	case PLAN_T_SECRET_HEADERS:
		return doc_put(o, f->name, plan_write_secret_headers(p));
	case PLAN_T_LATER:
		break;
	}
	return true;
}

struct json_object *plan_write(const struct plan *p)
{
	struct json_object *o = json_object_new_object();
	bool good = true;

	for (const struct plan_field *f = plan_fields; good && f->name; f++)
		good = write_field(p, f, o);
	return doc_close(o, good);
}

void plan_problems_free(struct plan_problems *p)
{
	buf_free(&p->text);
	json_object_put(p->list);
	*p = (struct plan_problems){0};
}

static void list_problem(struct plan_problems *p, const char *field, const char *text)
{
	struct json_object *o = json_object_new_object();
	bool good = doc_put_text(o, "field", field) && doc_put_text(o, "problem", text);

	if (!p->list)
		p->list = json_object_new_array();
	if (!doc_append(p->list, doc_close(o, good)))
		p->text.failed = true;
	buf_printf(&p->text, "%s: %s\n", field, text);
}

void plan_problem(struct plan_problems *p, const char *field, const char *fmt, ...)
{
	char text[512], shown[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (++p->count < PROBLEMS_LISTED)
		list_problem(p, text_safe(shown, sizeof shown, field, strlen(field)), text);
	else if (p->count == PROBLEMS_LISTED)
		list_problem(p, "plan", "there are more problems, which are not listed");
}

bool plan_problems_failed(const struct plan_problems *p)
{
	return buf_failed(&p->text);
}
