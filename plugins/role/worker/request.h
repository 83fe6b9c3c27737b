/*
 * request.h - the bytes of the plan's request, rendered once before the load begins. Pure.
 */
#ifndef WORKER_REQUEST_H
#define WORKER_REQUEST_H

#include "core/base/buf.h"
#include "plugins/common/plan.h"

/* Host, User-Agent, Content-Length and X-Squall-Test (the run's id, by which our target counts)
 * stand there unless the plan sets a header of that name itself. 0 or -ENOMEM. */
int request_render(const struct plan *plan, const char *version, const char *test_id, struct buf *out);

#endif
