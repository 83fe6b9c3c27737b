/*
 * mask.h - secrets that the target sent back, out of the samples. Pure.
 *
 * An error page may show the request's own headers, and the first bytes of answers are kept, stored and
 * shown. The value of a secret header (plan.h), and what stands in it behind a scheme ("Bearer ...") or as
 * the value of a cookie, becomes asterisks there. One that differs from request to request is not known here:
 * then nothing of any answer stays.
 */
#ifndef COMMON_MASK_H
#define COMMON_MASK_H

#include "books.h"
#include "plan.h"

void mask_samples(const struct plan *p, struct books *b);

#endif
