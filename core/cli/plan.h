/*
 * plan.h - the plan of squall run: a file, if any, and over it what the command line says.
 *
 * The gateway reads, checks and completes it; here it is only put together.
 */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include <stdint.h>

#include <squall/util.h>

#include "core/base/schedule.h"
#include "options.h"

struct json_object;

/* *ret is the caller's to put; written only on success. 0, or a negative errno with the reason. */
int plan_build(const struct options *o, struct json_object **ret, struct sq_err *err);

/* Puts the files in the places of bodies, those of requests as well, that are @FILE; plan_file: beside which
 * they are looked for, or NULL. A body that begins with @ is written @@ in a plan. */
int plan_expand_files(struct json_object *plan, const char *plan_file, struct sq_err *err);
/* Puts variables in the place of each {{env NAME}}; other {{...}} are left to the workers. */
int plan_expand_env(struct json_object *v, struct sq_err *err);

/* When the requests of a plan are due, warm-up and all: the same arithmetic as the workers'. 1: of the closed
 * model, where nothing is due at a time; or a negative errno with the reason. */
int plan_to_schedule(struct json_object *plan, struct schedule *ret, struct sq_err *err);

/* Makes it that of the first of its requests alone, with the values of request 0 in the places of {{...}}. 0, or a
 * negative errno with the reason. */
int plan_take_first(struct json_object *plan, struct sq_err *err);

/* Headers whose values others must not read: name of len bytes, in any case of letters; always, or as the
 * plan's secret_headers says. */
bool plan_is_secret(struct json_object *plan, const char *name, size_t len);
/* Replaces their values, for showing a plan. 0 or -ENOMEM: then it must not be shown. */
int plan_hide(struct json_object *plan);

#endif
