/*
 * threshold_watch.h - the thresholds of a running test: those with a window, those that end it, and
 * auto_stop. Pure: merged books and the time since T0 go in, about once a second.
 *
 * A window is judged as a difference of two looks at the books, so it is as long as asked, or up to a
 * sixtieth (at least a second) longer. What is kept of each look is the encoded histogram, a few KB.
 */
#ifndef COMMON_THRESHOLD_WATCH_H
#define COMMON_THRESHOLD_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "books.h"

struct json_object;
struct plan;
struct threshold_watch;

struct threshold_watch *threshold_watch_new(const struct plan *plan); /* borrowed; NULL without memory */
void threshold_watch_free(struct threshold_watch *w);

/* Who takes a test over knows what was measured until then, but not when: windows begin here, and those
 * before can fail a threshold no more, so that one with a window is undecided unless it fails later. */
void threshold_watch_rebase(struct threshold_watch *w, const struct books *b, int64_t at);

enum watch_verdict { WATCH_GOES_ON, WATCH_THRESHOLD, WATCH_AUTO_STOP };
extern const char *const watch_reason[]; /* the word that stands in the record for why it ended */

/* b: so far; at: ns since T0, rising. detail: why it is to stop, in words. Without memory a look is left
 * out, and the window that it belongs to is longer. */
enum watch_verdict threshold_watch_look(struct threshold_watch *w, const struct books *b, int64_t at,
                                        char *detail, size_t size);

/*
 * The "thresholds" of the result document:
 *     [{"metric","expression","window_sec","value","unit","ok","decided","why"}]
 * value null: not measured. ok: true, false, or null for one that holds on numbers that are not trusted.
 * why: null, or the reason when it is undecided, or judged by a window. b: closed books, of elapsed ns.
 * w: NULL when nobody watched, so that those with a window are undecided. *ret_failed: one does not hold.
 * NULL without memory.
 */
struct json_object *thresholds_write(const struct plan *plan, const struct threshold_watch *w,
                                     const struct books *b, int64_t elapsed, bool trusted, bool *ret_failed);

#endif
