/*
 * source.h - one test, wherever it is: at the gateway, among the runs kept here, or in a file.
 */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include <limits.h>

#include "api.h"
#include "core/base/buf.h"
#include "options.h"

struct source {
	struct api *api; /* NULL: in path */
	char id[64];
	char path[PATH_MAX];
	struct json_object *doc; /* NULL until source_read */
};

/* Finds which ("last", an id, the beginning of one, without api also a path). Prints what is wrong.
 * Returns an exit code, 0 when found. Free with source_close in any case. */
int source_find(struct source *s, struct api *api, const char *which);
int source_read(struct source *s); /* fills doc, anew at each call; the same */
void source_close(struct source *s);

/* The report of that kind ("csv", "hgrm", "json", "txt"), appended. The same. */
int source_report(struct source *s, const char *kind, struct buf *out);

/* Every test in the order listed, newest first: {"tests":[...]}, from the gateway (api) or from here.
 * The caller's; NULL when something is wrong, which is printed and whose exit code is *ret_code. */
struct json_object *source_list(struct api *api, int *ret_code);

#endif
