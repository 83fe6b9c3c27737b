/* query.h - the parameters behind the '?' of a request. Pure. */
#ifndef GATEWAY_QUERY_H
#define GATEWAY_QUERY_H

#include <squall/util.h>

/* The value of a parameter, decoded, NUL-terminated. 1: found (the first one), 0: not there, -EINVAL: it
 * is too long, or not properly encoded. */
int query_get(struct sq_slice query, const char *name, char *out, size_t size);

#endif
