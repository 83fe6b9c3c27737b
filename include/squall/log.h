/*
 * log.h - one line per event.
 *
 *     SQ_INFO(host, NULL, "listening on %s", address);
 *     SQ_WARN(host, SQ_KV({"test", id}, {"worker", uid}), "lost: no report for %d s", 5);
 *
 * prints, as logfmt (or the same as one JSON object):
 *
 *     2026-11-23T09:30:09.700Z warn orchestrator test=7f3k9m2q worker=7f3k-1 lost: no report for 5 s
 *
 * The component is the plugin's own; nobody types prefixes. Whoever can explain an error logs
 * it, once; code below that returns a negative value and fills a struct sq_err. Never log a
 * secret. Loop thread only.
 */
#ifndef SQUALL_LOG_H
#define SQUALL_LOG_H

#include <squall/util.h>

enum sq_level { SQ_L_ERROR, SQ_L_WARN, SQ_L_INFO, SQ_L_DEBUG };

/* What the event is about; an array of these is closed by a NULL key. */
struct sq_kv {
	const char *key, *value;
};
#define SQ_KV(...) ((const struct sq_kv[]){__VA_ARGS__, {NULL, NULL}})

#define SQ_ERROR(h, kv, ...) (h)->log((h)->ctx, SQ_L_ERROR, kv, __VA_ARGS__)
#define SQ_WARN(h, kv, ...) (h)->log((h)->ctx, SQ_L_WARN, kv, __VA_ARGS__)
#define SQ_INFO(h, kv, ...) (h)->log((h)->ctx, SQ_L_INFO, kv, __VA_ARGS__)
#define SQ_DEBUG(h, kv, ...) (h)->log((h)->ctx, SQ_L_DEBUG, kv, __VA_ARGS__)

#endif
