/*
 * runs.h - the runs that private daemons made, kept in $XDG_STATE_HOME/squall/runs (or
 * ~/.local/state/...): ID.json is the result document, ID.csv and ID.hgrm are its reports.
 */
#ifndef CLI_RUNS_H
#define CLI_RUNS_H

#include <limits.h>
#include <stddef.h>

#include <squall/util.h>

struct json_object;

/* Writes ID.ENDING, whole or not at all. */
int runs_save(const char *id, const char *ending, const char *data, size_t len, struct sq_err *err);

/* Removes the oldest ones when there are more than 200. */
void runs_prune(void);

/* The file of a run: "last", an id, the beginning of one, or a path. Else -ENOENT with the reason. */
int runs_find(const char *which, char ret[PATH_MAX], struct sq_err *err);

/* All of them as GET /tests lists them, the newest first: {"tests": [...]}. NULL with the reason. */
struct json_object *runs_list(struct sq_err *err);

#endif
