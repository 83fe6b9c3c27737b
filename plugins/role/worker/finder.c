/* finder.c - looks the target up, and again, and tries what was found. */
#include "finder.h"

#include <errno.h>
#include <string.h>

#include <squall/log.h>

#include "core/base/buf.h"
#include "plugins/common/policy.h"
#include "plugins/common/route.h"

#define FINDER_KV(f) SQ_KV({"test", (f)->test_id})

static int64_t finder_now(const struct finder *f)
{
	return f->host->now(f->host->ctx);
}

static void finder_look_up(struct finder *f);

/* --- the next time --------------------------------------------------------------------------- */

static void finder_again(struct sq_timer *t)
{
	finder_look_up(sq_container(t, struct finder, timer));
}

static void finder_wait(struct finder *f)
{
	bool settled = route_fixed(f->plan) && f->addresses.count >= f->seen.count;

	if (f->stopped || f->plan->wire.dns_ttl == 0 || settled)
		return;
	f->timer.fire = finder_again;
	f->host->timer_start(f->host->ctx, &f->timer, f->plan->wire.dns_ttl);
}

/* --- the ends of a try ----------------------------------------------------------------------- */

static void finder_fail(struct finder *f, const char *reason, const char *detail)
{
	finder_stop(f);
	f->found(f, reason, detail);
}

/* A later look-up came to nothing: keep says whether the old addresses are still good. */
static void finder_trouble(struct finder *f, bool keep, const char *why)
{
	if (!f->troubled)
		SQ_WARN(f->host, FINDER_KV(f), "%s: %s", why,
		        keep ? "the addresses found before are still used"
		             : "there is no address left to connect to");
	f->troubled = true;
	if (!keep && f->addresses.count > 0) {
		f->addresses.count = f->seen.count = 0;
		f->moved(f);
	}
	finder_wait(f);
}

/* --- trying ---------------------------------------------------------------------------------- */

static bool finder_is_all_tls(const struct finder *f)
{
	for (uint32_t i = 0; i < f->tried.count; i++)
		if (f->reach.tries[i].error != EPROTO)
			return false;
	return true;
}

/* "connection refused": the system's words, without their capital. */
static void finder_add_why(const struct finder *f, uint32_t i, struct buf *out)
{
	const char *why = reach_why(&f->reach, i);
	size_t at = out->len;

	buf_str(out, why);
	if (why[0] >= 'A' && why[0] <= 'Z' && why[1] >= 'a' && why[1] <= 'z' && !buf_failed(out))
		out->data[at] += 'a' - 'A';
}

/* What no address accepts: each with its reason, and what to do. */
static void finder_unreachable(const struct finder *f, struct sq_err *err)
{
	bool numeric = f->tried.count == 1 && route_fixed(f->plan), tls = finder_is_all_tls(f);
	const char *cure = f->reach.tries[0].conn.cure;
	char place[ROUTE_TEXT];
	struct buf text = {0};

	for (uint32_t i = 0; i < f->tried.count; i++) {
		buf_printf(&text, "%s%s%s", i ? ", " : "", numeric ? "" : f->tried.list[i].text,
		           numeric ? "" : " ");
		finder_add_why(f, i, &text);
	}
	if (tls)
		sq_fail(err, -EHOSTUNREACH, "no TLS with %s (%.300s)%s%s", route_text(f->plan, place),
		        text.data ? text.data : "", cure ? ": " : "", cure ? cure : "");
	else
		sq_fail(err, -EHOSTUNREACH, "cannot connect to %s (%.300s): is the target running there?",
		        route_text(f->plan, place), text.data ? text.data : "");
	buf_free(&text);
}

static void finder_name_refusing(const struct finder *f)
{
	for (uint32_t i = 0; i < f->tried.count; i++)
		if (f->reach.tries[i].error) {
			struct buf why = {0};

			finder_add_why(f, i, &why);
			SQ_WARN(f->host, FINDER_KV(f), "address %s is left out (%s)", f->tried.list[i].text,
			        why.data ? why.data : "");
			buf_free(&why);
		}
}

/* The resolver's first family first, then by bytes. */
static bool finder_is_before(const struct address *a, const struct address *b, sa_family_t first)
{
	bool before = a->sa.ss_family == first;

	if (a->sa.ss_family != b->sa.ss_family)
		return before;
	return memcmp(&a->sa, &b->sa, a->len) < 0;
}

static void finder_sort(struct addresses *all, sa_family_t first)
{
	for (uint32_t i = 1; i < all->count; i++) {
		struct address a = all->list[i];
		uint32_t at = i;

		for (; at > 0 && finder_is_before(&a, &all->list[at - 1], first); at--)
			all->list[at] = all->list[at - 1];
		all->list[at] = a;
	}
}

/* The ones of before that were left out. */
static void finder_reached_again(struct finder *f, const struct addresses *accepted)
{
	for (uint32_t i = 0; i < accepted->count; i++) {
		address_add(&f->addresses, &accepted->list[i]);
		SQ_INFO(f->host, FINDER_KV(f), "address %s accepts now: it is loaded too",
		        accepted->list[i].text);
	}
	finder_sort(&f->addresses, f->seen.list[0].sa.ss_family);
	finder_wait(f);
	if (accepted->count > 0)
		f->moved(f);
}

static void finder_take(struct finder *f, const struct addresses *accepted)
{
	f->addresses = *accepted;
	finder_sort(&f->addresses, f->seen.list[0].sa.ss_family);
	finder_wait(f);
	if (f->first) {
		f->first = false;
		f->found(f, NULL, NULL);
		return;
	}
	f->troubled = false;
	SQ_INFO(f->host, FINDER_KV(f), "the target has moved: %u addresses, the first is %s",
	        f->addresses.count, f->addresses.list[0].text);
	f->moved(f);
}

static void finder_reached(struct reach *reach)
{
	struct finder *f = sq_container(reach, struct finder, reach);
	struct addresses accepted = {.count = 0};
	struct sq_err err;

	reach_accepted(reach, &accepted);
	if (accepted.count == 0)
		finder_unreachable(f, &err);
	else if (!f->again)
		finder_name_refusing(f);
	reach_stop(reach);
	if (f->again) {
		finder_reached_again(f, &accepted);
	} else if (accepted.count > 0) {
		finder_take(f, &accepted);
	} else if (f->first) {
		finder_fail(f, "target_unreachable", err.text);
	} else {
		f->seen.count = 0; /* so that they are tried again */
		finder_trouble(f, true, err.text);
	}
}

static void finder_reach(struct finder *f)
{
	f->reach = (struct reach){.loop = f->host->loop,
	                          .all = &f->tried,
	                          .tls = f->tls,
	                          .host = f->plan->url.host,
	                          .connect = f->plan->wire.connect,
	                          .shake = f->plan->wire.tls,
	                          .done = finder_reached};
	if (reach_start(&f->reach) == 0)
		return;
	if (f->first)
		finder_fail(f, "out_of_memory", "not enough memory to try the target's addresses");
	else
		finder_trouble(f, true, "not enough memory to try the target's new addresses");
}

/* --- looking up ------------------------------------------------------------------------------ */

/* The order may change with every answer of a name server. */
static bool finder_same(const struct addresses *a, const struct addresses *b)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (!address_has(b, &a->list[i]))
			return false;
	return a->count == b->count;
}

static int finder_run(struct sq_work *w)
{
	struct finder *f = sq_container(w, struct finder, work);
	const struct plan_wire *wire = &f->plan->wire;
	const struct tls_options o = {.ca = wire->secure.ca,
	                              .cert = wire->secure.cert,
	                              .key = wire->secure.key,
	                              .alpn = "http/1.1",
	                              .insecure = wire->secure.insecure,
	                              .resume = wire->secure.resume};
	struct sq_err why;
	int r;

	if (f->plan->url.tls && !f->tls) {
		r = tls_context_new(&o, &f->tls, &why);
		if (r < 0)
			return sq_fail(&f->err, -EINVAL, "tls.%.400s", why.text);
	}
	return route_resolve(f->plan, &f->fresh, &f->err);
}

/* Neither silence nor a shortage of ours says that the addresses are gone. */
static bool finder_is_passing(int status)
{
	return status != -ENOENT && status != -EPERM;
}

/* What was looked up and may be loaded. */
static void finder_try(struct finder *f)
{
	f->again = !f->first && finder_same(&f->fresh, &f->seen);
	if (f->again) {
		f->tried.count = 0;
		for (uint32_t i = 0; i < f->seen.count; i++)
			if (!address_has(&f->addresses, &f->seen.list[i]))
				f->tried.list[f->tried.count++] = f->seen.list[i];
		if (f->tried.count == 0) {
			finder_wait(f);
			return;
		}
	} else {
		f->seen = f->tried = f->fresh;
		if (f->fresh.more > 0)
			SQ_WARN(f->host, FINDER_KV(f),
			        "the target has %u addresses: the first %d are loaded, the others never",
			        f->fresh.count + f->fresh.more, ADDRESS_MAX);
	}
	finder_reach(f);
}

static void finder_done(struct sq_op *op, int status)
{
	struct finder *f = sq_container(op, struct finder, work.op);
	bool refused;

	f->busy = false;
	if (f->stopped)
		return;
	if (f->late) {
		finder_wait(f);
		return;
	}
	f->host->timer_stop(f->host->ctx, &f->timer);
	if (status < 0 && !f->err.code)
		sq_fail(&f->err, status, "no thread could be started to look up the target");
	refused = status == 0 && f->policy;
	if (refused)
		status = route_filter(f->plan, f->policy, &f->fresh, "orchestrator", &f->err);
	if (status < 0 && f->first) {
		finder_fail(f,
		            status == -EINVAL ? "plan_refused"
		            : refused         ? "refused"
		                              : "target_unreachable",
		            f->err.text);
	} else if (status < 0) {
		finder_trouble(f, finder_is_passing(status), f->err.text);
	} else {
		f->looked_up(f, finder_now(f) - f->asked);
		finder_try(f);
	}
}

static void finder_late(struct sq_timer *t)
{
	struct finder *f = sq_container(t, struct finder, timer);
	char text[ROUTE_TEXT + 96], place[ROUTE_TEXT];

	f->late = true;
	snprintf(text, sizeof text, "looking up %s took longer than %lld ms (timeouts_ms.dns)",
	         route_text(f->plan, place), (long long)(f->plan->wire.dns / SQ_MS));
	if (f->first)
		finder_fail(f, "target_unreachable", text);
	else
		finder_trouble(f, true, text);
}

static int finder_ask(struct finder *f)
{
	int r;

	f->err.code = 0;
	f->late = false;
	f->asked = finder_now(f);
	f->work = (struct sq_work){
	    .op.done = finder_done, .run = finder_run, .what = "name lookup", .lane = SQ_LANE_NET};
	r = f->host->work(f->host->ctx, &f->work);
	if (r < 0)
		return r;
	f->busy = true;
	f->timer.fire = finder_late;
	f->host->timer_start(f->host->ctx, &f->timer, f->plan->wire.dns);
	return 0;
}

static void finder_look_up(struct finder *f)
{
	/* The one before may still hang in the resolver. */
	if (f->busy || finder_ask(f) < 0)
		finder_wait(f);
}

/* --- life ------------------------------------------------------------------------------------ */

int finder_start(struct finder *f, struct sq_err *err)
{
	int r = 0;

	f->first = true;
	if (f->plan->wire.allowed_targets)
		r = policy_new((const char *const *)f->plan->wire.allowed_targets, NULL, &f->policy, err);
	if (r < 0)
		return r;
	r = finder_ask(f);
	return r < 0 ? sq_fail(err, r, "cannot begin the load (%s)", strerror(-r)) : 0;
}

void finder_stop(struct finder *f)
{
	if (!f->host || f->stopped)
		return;
	f->stopped = true;
	f->host->timer_stop(f->host->ctx, &f->timer);
	if (f->busy)
		f->host->cancel(f->host->ctx, &f->work.op);
	reach_stop(&f->reach);
}

void finder_free(struct finder *f)
{
	finder_stop(f);
	policy_free(f->policy);
	tls_context_free(f->tls);
	f->policy = NULL;
	f->tls = NULL;
}
