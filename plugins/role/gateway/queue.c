/* queue.c - what a queue can hold of a test, and why it does not take one. */
#include <errno.h>
#include <json-c/json.h>

#include "gateway.h"

const char *queue_trouble(int status)
{
	switch (status) {
	case -ENOTCONN:
		return "the queue is not connected";
	case -ENOSPC:
		return "the queue is full, disabled or missing: this gateway's log names it";
	case -EACCES:
		return "this gateway may not send to the queue: check the rights of its key";
	case -E2BIG:
		return "its message is larger than the queue takes: send a smaller plan";
	case -SQ_EUNCERTAIN:
	case -ETIMEDOUT:
		return "the queue has not answered";
	case -ENOMEM:
		return "out of memory";
	case -ECANCELED:
		return "this gateway is stopping";
	default:
		return "the queue has refused it: this gateway's log says why";
	}
}

#define SHARE "give the gateway and the orchestrator the same Redis (REDIS_HOST), whose records hold it"

bool queue_fits(struct call *c, struct test_record *r, const struct plan *plan, struct json_object *posted,
                struct buf *out)
{
	int status = record_posted_hash(plan, posted, r->plan_sha256);

	if (status == 0 && !json_object_equal(r->plan, posted)) { /* something of it is hidden */
		answer_problem(c, 422,
		               "the plan has what must not lie in a queue (headers Authorization, Cookie and "
		               "those of secret_headers; key and certificates of tls): " SHARE);
		return false;
	}
	if (status == 0)
		status = record_whole_message(r, out);
	if (status == -E2BIG)
		answer_problem(c, 413, "the plan is longer than the %d KiB that a message holds: " SHARE,
		               RECORD_MESSAGE_MAX >> 10);
	else if (status < 0 || buf_failed(out))
		answer_memory(c);
	return status == 0 && !buf_failed(out);
}
