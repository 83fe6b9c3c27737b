/*
 * plan_wire.h - the part of a plan that is about connections: where they lead, how long each step may
 * take, how they are secured, and how long they are used.
 */
#ifndef COMMON_PLAN_WIRE_H
#define COMMON_PLAN_WIRE_H

#include <stdbool.h>
#include <stdint.h>

struct json_object;
struct plan;
struct plan_field;
struct plan_problems;

#define PLAN_LIST_MAX 64 /* entries of resolve and of connect_to */

/* Durations in ns. Texts and lists are the plan's; lists are closed by NULL. */
struct plan_wire {
	int64_t requests_per_connection; /* then it is closed; 0: as many as the target allows */
	int64_t dns_ttl; /* the target's name is looked up again that often; 0: never */
	/* The longest steps: a look-up; until TCP is connected; the TLS handshake; from sent to the first
	 * byte of the answer. From sent to the last one is the plan's timeout. */
	int64_t dns, connect, tls, first_byte;

	struct {
		bool insecure, resume;
		char *ca, *cert, *key; /* PEM text, NULL for none; the key is a secret */
	} secure;
	char **resolve, **connect_to; /* as curl spells them, see route.h; NULL for none */
	char *unix_socket; /* NULL for none */
	/* The address policy, from the orchestrator alone: what every address at the worker is judged by.
	 * NULL: there is none. Not a part of plan_write(). */
	char **allowed_targets;
};

void plan_wire_free(struct plan_wire *w);

/* A field of type PLAN_T_WIRE; v is NULL when it is not given. 0 or -ENOMEM. */
int plan_read_wire(struct json_object *v, const struct plan_field *f, struct plan *p,
                   struct plan_problems *problems);
/* Puts it into o; false without memory. */
bool plan_write_wire(const struct plan *p, const struct plan_field *f, struct json_object *o);
/* Adds an orchestrator's policy, as its options have it (policy_new), to the document for its workers.
 * False without memory. */
bool plan_put_policy(struct json_object *doc, const char *const *allowed, const char *target_url);
/* Of a plan's document: the key is hidden, and of what is long only the length is left. */
bool plan_hide_wire(struct json_object *doc);

#endif
