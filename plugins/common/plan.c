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

#define NUMBER(key, field, places, least, most, otherwise, text)                                       \
	{                                                                                              \
		.name = key, .type = PLAN_T_NUMBER, .help = text, .off = offsetof(struct plan, field), \
		.digits = places, .min = least, .max = most, .value = otherwise                        \
	}
#define FOLLOWS(key, field, places, least, most, otherwise, other, text)                               \
	{                                                                                              \
		.name = key, .type = PLAN_T_NUMBER, .help = text, .off = offsetof(struct plan, field), \
		.digits = places, .min = least, .max = most, .value = otherwise,                       \
		.at_least = offsetof(struct plan, other)                                               \
	}
#define WORD(key, field, names, otherwise, text)                                                     \
	{                                                                                            \
		.name = key, .type = PLAN_T_WORD, .help = text, .off = offsetof(struct plan, field), \
		.value = otherwise, .words = names                                                   \
	}
#define TEXT(key, kind, most, text)                                  \
	{                                                            \
		.name = key, .type = kind, .help = text, .max = most \
	}
#define WIRE(key, text)                                        \
	{                                                      \
		.name = key, .type = PLAN_T_WIRE, .help = text \
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
    /* From here to duration_sec each default follows from those before it. */
    WORD("mode", mode, plan_mode_name, PLAN_OPEN, "open or closed"),
    NUMBER("connections", connections, 0, 0, 1000000, 0, "connections over all workers, of the closed model"),
    NUMBER("think_ms", think, 6, 0, 3600 * SQ_S, 0,
           "milliseconds from the end of a request to the next one of its connection, in the closed model"),
    TEXT("stages", PLAN_T_STAGES, SCHEDULE_STAGES_MAX,
         "a list of {\"duration_sec\": ..., \"hits_per_sec\": ...}"),
    NUMBER("max_requests", max_requests, 0, 0, (int64_t)SCHEDULE_TICKS_MAX, 0,
           "requests over all workers after which the test ends, 0 for no limit"),
    NUMBER("hits_per_sec", rate, 6, 1, 10000000 * PLAN_RATE_ONE, 10 * PLAN_RATE_ONE,
           "requests per second over all workers"),
    NUMBER("duration_sec", duration, 9, SQ_MS, 30 * 86400 * SQ_S, 60 * SQ_S, "seconds"),
    NUMBER("warmup_sec", warmup, 9, 0, 86400 * SQ_S, 0, "seconds of load before what is measured"),
    WORD("arrival", arrival, plan_arrival_name, PLAN_UNIFORM, "uniform or poisson"),
    NUMBER("seed", seed, 0, 0, INT64_MAX, 1, "what random arrivals and values are drawn from"),
    NUMBER("workers", workers, 0, 1, 10000, 1, "number of workers"),
    NUMBER("max_connections", max_connections, 0, 1, 1000000, 1000, "connections of one worker"),
    FOLLOWS("max_in_flight", max_in_flight, 0, 1, 1000000, 100000, max_connections,
            "requests of one worker that are due and not ended"),
    NUMBER("timeout_ms", timeout, 6, SQ_MS, 1800 * SQ_S, 30 * SQ_S, "milliseconds from sent to answered"),
    WIRE("timeouts_ms", "an object of milliseconds: dns, connect, tls, first_byte, total"),
    FOLLOWS("patience_ms", patience, 6, SQ_MS, 1800 * SQ_S, 0, timeout,
            "milliseconds to wait for a connection"),
    FOLLOWS("drain_sec", drain, 9, 0, 3600 * SQ_S, 0, timeout, "seconds to wait for the last answers"),
    NUMBER("expect_status", expect_status, 0, 0, 999, 0, "the status that is ok, 0 for any of 200-399"),
    TEXT("checks", PLAN_T_CHECKS, 0,
         "a list of conditions, like {\"status\": 200}, {\"header\": \"Content-Type\", \"contains\": "
         "\"json\"}, {\"body\": \"ok\"}, {\"max_bytes\": 1000}, {\"max_ms\": 250}"),
    TEXT("requests", PLAN_T_REQUESTS, 0, "a list of requests"), /* after all that it inherits */
    TEXT("data", PLAN_T_DATA, 0, "a list of objects with the same members, for {{row.NAME}}"),
    WORD("timer", timer, plan_timer_name, PLAN_TIMER_AUTO, "auto, precise, balanced or economy"),
    TEXT("labels", PLAN_T_LABELS, 256, "an object of names and texts"),
    TEXT("thresholds", PLAN_T_THRESHOLDS, 0, "an object of metrics with lists of expressions"),
    TEXT("auto_stop", PLAN_T_AUTO_STOP, 0,
         "false, or an object like {\"error_rate\": 0.9, \"window_sec\": 60}"),
    WORD("on_worker_loss", on_worker_loss, plan_loss_name, PLAN_LOSS_DEGRADE,
         "abort, degrade or redistribute"),
    TEXT("secret_headers", PLAN_T_SECRET_HEADERS, 0,
         "a list of names of headers"), /* after headers and requests */
    NUMBER("requests_per_connection", wire.requests_per_connection, 0, 0, 1000000000, 0,
           "requests after which a connection is closed, 0 for as many as the target allows"),
    NUMBER("dns_ttl_sec", wire.dns_ttl, 9, 0, 86400 * SQ_S, 30 * SQ_S,
           "seconds until the target's name is looked up again, 0 for never"),
    WIRE("tls", "an object: insecure, ca, cert, key, resume"),
    WIRE("resolve", "a list of HOST:PORT:ADDRESS[,ADDRESS...]"),
    WIRE("connect_to", "a list of HOST1:PORT1:HOST2:PORT2"),
    WIRE("unix_socket", "the path of a socket to connect to"),
    WIRE("allowed_targets", "the address policy, which only an orchestrator adds"),
    {.name = NULL},
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
	plan_wire_free(&p->wire);
	free(p->stages);
	plan_checks_free(p->checks, p->check_count);
	for (uint32_t i = 0; i < p->request_count; i++)
		plan_request_free(&p->requests[i]);
	free(p->requests);
	plan_data_free(p->data);
	free(p);
}

struct json_object *plan_write_headers(const struct plan_header *headers, uint32_t count)
{
	struct json_object *o = json_object_new_object();
	bool good = true;

	for (uint32_t i = 0; good && i < count; i++)
		good = doc_put_text(o, headers[i].name, headers[i].value);
	return doc_close(o, good);
}

static bool write_body(const struct plan *p, struct json_object *o, const char *name)
{
	return p->body ? doc_put(o, name, plan_write_body(p->body, p->body_len)) : doc_put_null(o, name);
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
		return doc_put(o, f->name, plan_write_headers(p->headers, p->header_count));
	case PLAN_T_BODY:
		return write_body(p, o, f->name);
	case PLAN_T_WORD:
		return doc_put_text(o, f->name, f->words[*(const int *)((const char *)p + f->off)]);
	case PLAN_T_LABELS:
		return doc_put(o, f->name, plan_write_headers(p->labels, p->label_count));
	case PLAN_T_THRESHOLDS:
		return doc_put(o, f->name, plan_write_thresholds(p));
	case PLAN_T_AUTO_STOP:
		return doc_put(o, f->name, plan_write_auto_stop(p));
	case PLAN_T_SECRET_HEADERS:
		return doc_put(o, f->name, plan_write_secret_headers(p));
	case PLAN_T_WIRE:
		return plan_write_wire(p, f, o);
	case PLAN_T_STAGES:
		return doc_put(o, f->name, plan_write_stages(p));
	case PLAN_T_CHECKS:
		return doc_put(o, f->name, plan_write_checks(p->checks, p->check_count));
	case PLAN_T_REQUESTS:
		return doc_put(o, f->name, plan_write_requests(p));
	case PLAN_T_DATA:
		return doc_put(o, f->name, plan_write_data(p));
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
