/*
 * result_text.h - the result document (schema "squall.result/1") as text for people.
 *
 * One renderer for the standalone worker, the command line and report.txt, so that all say the
 * same words. Works on the JSON alone. Every line fits 80 columns; a member that is missing
 * leaves its line out. Deterministic: the golden files in tests/unit/result hold it.
 *
 * A reason of the validity becomes "generator invalid: WHAT VALUE (limit LIMIT)." and below it the
 * cure, e.g. "the container was throttled for" + "31 % of the time". Percentiles that too few
 * samples support (p99 under 100, p99.9 under 1,000) are shown as "-".
 */
#ifndef BASE_RESULT_TEXT_H
#define BASE_RESULT_TEXT_H

#include <stdbool.h>

#include "buf.h"

struct json_object;

void result_text(struct json_object *doc, bool color, struct buf *out);

#endif
