/* object_read.c - objects as documents: read back. What is missing or odd reads as absent. */
#include "object.h"

#include <errno.h>
#include <json-c/json.h>
#include <json-c/json_pointer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "object_keys.h"

static struct json_object *at(struct json_object *o, const char *path)
{
	struct json_object *v = NULL;

	return o && json_pointer_get(o, path, &v) == 0 ? v : NULL;
}

static const char *text(struct json_object *o, const char *path)
{
	struct json_object *v = at(o, path);

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

static int64_t number(struct json_object *o, const char *path, int64_t otherwise)
{
	struct json_object *v = at(o, path);

	return json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : otherwise;
}

static uint64_t digits(struct json_object *o, const char *path)
{
	const char *s = text(o, path);
	char *end;
	unsigned long long n = strtoull(s, &end, 10);

	return *s >= '0' && *s <= '9' && *end == '\0' ? n : 0;
}

static void copy(char *out, size_t size, const char *s)
{
	snprintf(out, size, "%s", s);
}

static struct json_object *at_member(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, name, &v) ? v : NULL;
}

static struct json_object *item(struct json_object *list, size_t i)
{
	return json_object_is_type(list, json_type_array) && i < json_object_array_length(list)
	           ? json_object_array_get_idx(list, i)
	           : NULL;
}

static struct json_object *condition(struct json_object *o, const char *type, const char *status)
{
	struct json_object *list = at(o, "/status/conditions"), *c;

	for (size_t i = 0; (c = item(list, i)) != NULL; i++)
		if (strcmp(text(c, "/type"), type) == 0 && strcmp(text(c, "/status"), status) == 0)
			return c;
	return NULL;
}

/* "Reason: message", as far as there are. */
static void explain(struct json_object *o, char *out, size_t size)
{
	const char *reason = text(o, "/reason"), *message = text(o, "/message");

	snprintf(out, size, "%s%s%s", reason, *reason && *message ? ": " : "", message);
}

/* --- workloads ------------------------------------------------------------------------------- */

static int64_t unix_seconds(const char *stamp)
{
	struct tm tm = {0};

	return strptime(stamp, "%Y-%m-%dT%H:%M:%SZ", &tm) ? (int64_t)timegm(&tm) : 0;
}

/* The items of a list do not say their kind. Of a Job that counts which the server has kept, not what was
 * asked for; its suspend says nothing: servers from 1.22 on fill it in. */
static enum shape shape_of(struct json_object *o)
{
	if (at(o, "/spec/replicas"))
		return SHAPE_DEPLOYMENT;
	return at(o, "/spec/backoffLimitPerIndex") ? SHAPE_JOB : SHAPE_JOB_PLAIN;
}

static void read_end(struct json_object *o, struct workload *w)
{
	struct json_object *failed = condition(o, "Failed", "True"),
	                   *short_of = condition(o, "ReplicaFailure", "True");

	w->ended = failed || condition(o, "Complete", "True") || at(o, NOTE(KEY_ENDED));
	if (at(o, NOTE(KEY_ENDED)))
		copy(w->reason, sizeof w->reason, text(o, NOTE(KEY_ENDED)));
	else if (failed)
		explain(failed, w->reason, sizeof w->reason);
	else if (short_of)
		explain(short_of, w->reason, sizeof w->reason);
}

int workload_read(struct json_object *o, struct workload *out)
{
	struct workload w = {.shape = shape_of(o)};
	int64_t resumed;

	copy(w.name, sizeof w.name, text(o, "/metadata/name"));
	copy(w.id, sizeof w.id, text(o, NOTE(KEY_TEST_ID)));
	copy(w.space, sizeof w.space, text(o, "/metadata/labels/" KEY_SPACE));
	copy(w.uid, sizeof w.uid, text(o, "/metadata/uid"));
	copy(w.version, sizeof w.version, text(o, "/metadata/resourceVersion"));
	copy(w.plan_sha256, sizeof w.plan_sha256, text(o, NOTE(KEY_PLAN)));
	w.fence = digits(o, NOTE(KEY_FENCE));
	w.workers = (uint32_t)digits(o, NOTE(KEY_WORKERS));
	w.max_failed = (uint32_t)digits(o, NOTE(KEY_MAX_FAILED));
	w.deadline = (int64_t)digits(o, NOTE(KEY_DEADLINE)) * SQ_MS;
	w.created = unix_seconds(text(o, "/metadata/creationTimestamp"));
	resumed = (int64_t)digits(o, NOTE(KEY_RESUMED));
	w.resumed = resumed > 0;
	w.expires = resumed > 0 && w.deadline > 0 ? resumed + w.deadline / SQ_MS : 0;
	w.terminating = *text(o, "/metadata/deletionTimestamp") != '\0';
	read_end(o, &w);
	if (!*w.name || !*w.id || !*w.uid || !*w.version || !w.fence || !w.workers ||
	    strcmp(text(o, "/metadata/labels/app.kubernetes.io~1managed-by"), "squall") != 0)
		return -EBADMSG;
	*out = w;
	return 0;
}

/* Servers leave these out, and mean the same. */
static bool is_nothing(struct json_object *v)
{
	switch (json_object_get_type(v)) {
	case json_type_object:
		return json_object_object_length(v) == 0;
	case json_type_array:
		return json_object_array_length(v) == 0;
	case json_type_string:
		return json_object_get_string_len(v) == 0;
	default: /* null, false, 0 */
		return !json_object_get_boolean(v);
	}
}

struct dropped {
	char *out;
	size_t size, len;
};

static void look_for(struct dropped *d, const char *path, struct json_object *want, struct json_object *have);

static void look_for_part(struct dropped *d, const char *path, const char *part, struct json_object *want,
                          struct json_object *have)
{
	char whole[200];

	snprintf(whole, sizeof whole, "%s%s%s", path, *path && *part != '[' ? "." : "", part);
	look_for(d, whole, want, have);
}

/* Values may be written in another way; that they are there is what counts. */
static void look_for(struct dropped *d, const char *path, struct json_object *want, struct json_object *have)
{
	if (is_nothing(want))
		return;
	if (!have) {
		if (d->len < d->size)
			d->len += (size_t)snprintf(d->out + d->len, d->size - d->len, "%s%s",
			                           d->len ? ", " : "", path);
	} else if (json_object_is_type(want, json_type_object)) {
		json_object_object_foreach(want, name, value)
		{
			look_for_part(d, path, name, value, at_member(have, name));
		}
	} else if (json_object_is_type(want, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(want); i++) {
			char part[24];

			snprintf(part, sizeof part, "[%zu]", i);
			look_for_part(d, path, part, json_object_array_get_idx(want, i), item(have, i));
		}
	}
}

void object_dropped(struct json_object *asked, struct json_object *got, char *out, size_t size)
{
	struct dropped d = {.out = out, .size = size};

	*out = '\0';
	look_for(&d, "", asked, got);
}

/* --- pods ------------------------------------------------------------------------------------ */

/* The pod's own reason, then who disturbs it, tell more than how its container took it. */
static void read_gone(struct json_object *o, struct json_object *terminated, struct pod *p)
{
	p->phase = SQ_W_GONE;
	p->exit_code = (int32_t)number(terminated, "/exitCode", INT32_MIN);
	if (*text(o, "/status/reason"))
		explain(at(o, "/status"), p->reason, sizeof p->reason);
	else if (!*p->reason && terminated && number(terminated, "/exitCode", 1) != 0)
		explain(terminated, p->reason, sizeof p->reason);
}

static void read_waiting(struct json_object *o, struct json_object *container, struct pod *p)
{
	struct json_object *unscheduled = condition(o, "PodScheduled", "False");
	const char *why = text(container, "/state/waiting/reason");

	if (unscheduled)
		explain(unscheduled, p->reason, sizeof p->reason);
	else if (*why && strcmp(why, "ContainerCreating") != 0 && strcmp(why, "PodInitializing") != 0)
		explain(at(container, "/state/waiting"), p->reason, sizeof p->reason);
}

/* Others may have been put beside it (a service mesh's proxy). */
static struct json_object *worker_status(struct json_object *o)
{
	struct json_object *list = at(o, "/status/containerStatuses"), *c;

	for (size_t i = 0; (c = item(list, i)) != NULL; i++)
		if (strcmp(text(c, "/name"), WORKER_CONTAINER) == 0)
			return c;
	return NULL;
}

/* A container that was started again is not the worker that it was: that one is gone. */
int pod_read(struct json_object *o, struct pod *out)
{
	struct json_object *container = worker_status(o),
	                   *disturbed = condition(o, "DisruptionTarget", "True");
	struct json_object *last = at(container, "/lastState/terminated"),
	                   *now = at(container, "/state/terminated");
	const char *phase = text(o, "/status/phase");
	struct pod p = {.phase = SQ_W_PENDING, .exit_code = INT32_MIN};

	copy(p.name, sizeof p.name, text(o, "/metadata/name"));
	copy(p.uid, sizeof p.uid, text(o, "/metadata/uid"));
	copy(p.workload, sizeof p.workload, text(o, "/metadata/labels/" KEY_WORKLOAD));
	if (!*p.name || !*p.workload)
		return -EBADMSG;
	if (disturbed) /* it is about to end: its last news may be this */
		explain(disturbed, p.reason, sizeof p.reason);
	if (now || last || strcmp(phase, "Failed") == 0 || strcmp(phase, "Succeeded") == 0)
		read_gone(o, last ? last : now, &p);
	else if (at(container, "/state/running"))
		p.phase = SQ_W_RUNNING;
	else
		read_waiting(o, container, &p);
	*out = p;
	return 0;
}

/* --- events ---------------------------------------------------------------------------------- */

void events_read(struct json_object *list, char *out, size_t size)
{
	struct json_object *items = at(list, "/items"), *last = NULL;

	for (size_t i = 0; json_object_is_type(items, json_type_array) && i < json_object_array_length(items);
	     i++) {
		struct json_object *e = json_object_array_get_idx(items, i);

		if (strcmp(text(e, "/type"), "Warning") == 0 && (*text(e, "/reason") || *text(e, "/message")))
			last = e;
	}
	explain(last, out, size);
}
