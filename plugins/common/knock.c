/* knock.c - connects to a target and goes away again. */
#include "knock.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "core/base/url.h"

#define WAIT_MS 3000 /* for one address */
#define TRIED 3 /* addresses */

/* 0, or why not. */
static int try_address(const struct address *a)
{
	int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r = 0;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof r;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&a->sa, a->len) < 0)
		r = errno;
	if (r == EINPROGRESS) {
		r = poll(&p, 1, WAIT_MS) == 1 ? 0 : ETIMEDOUT;
		if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &r, &len) < 0)
			r = errno;
	}
	close(fd);
	return -r;
}

static void refuse(struct knock *k, const struct address *a, int why)
{
	char words[64];

	snprintf(words, sizeof words, "%s", strerror(-why));
	*words = (char)tolower((unsigned char)*words);
	sq_fail(&k->found, why, "cannot connect to %s (%s): is the target running there?%s", a->text, words,
	        address_private((const struct sockaddr *)&a->sa) ? " One of this .conf is, once it is started"
	                                                         : "");
}

static int try_all(struct knock *k)
{
	struct addresses found;
	struct url url;
	int r = url_parse(k->url, &url, &k->found);

	if (r == 0)
		r = address_resolve(url.host, url.port, &found, &k->found);
	for (uint32_t i = 0; r == 0 && i < found.count && i < TRIED; i++) {
		int why = try_address(&found.list[i]);

		if (why == 0)
			return sq_fail(&k->found, 0, "target %s", url.text);
		refuse(k, &found.list[i], why);
	}
	return r < 0 ? r : k->found.code;
}

static int run(struct sq_work *w)
{
	return try_all(sq_container(w, struct knock, work));
}

static void ended(struct sq_op *op, int status)
{
	struct knock *k = sq_container(op, struct knock, work.op);

	*k->err = k->found;
	k->host->op_done(k->host->ctx, k->op, status);
}

void knock(struct knock *k, const struct sq_host *host, const char *url, struct sq_op *op, struct sq_err *err)
{
	int r;

	*k = (struct knock){.work = {.op.done = ended, .run = run, .what = "connect", .lane = SQ_LANE_NET},
	                    .host = host,
	                    .url = url,
	                    .op = op,
	                    .err = err};
	r = host->work(host->ctx, &k->work);
	if (r < 0)
		host->op_done(host->ctx, op, sq_fail(err, r, "no thread to connect with"));
}
