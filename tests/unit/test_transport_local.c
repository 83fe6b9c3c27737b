/*
 * test_transport_local.c - the transport local against disks and memory that fail, and at the moments
 * that no process meets on purpose: a lock that is lost while its settlement or renewal is on its way.
 *
 * What a transport promises when all is well is in tests/contract.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail_vfs.h"
#include "store_host.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

extern const struct sq_plugin sq_plugin_transport_local;

#define LOCK (1000 * SQ_S)

/* As the host fills it: the layout is the plugin's, and known through its option rows. */
static int64_t conf[16];
static char dir[64];

/* One process. */
struct process {
	struct store_host h;
	const struct sq_transport *vt;
	void *self;
	struct sq_delivery *held[16];
	unsigned held_count, came, lost;
	int64_t metric;
	char order[64]; /* of what happened: d(elivered), l(ost), s(ettled), r(enewed), p(ublished) */
	uint32_t lower; /* credit to set at the next delivery, UINT32_MAX = none */
};

struct call {
	union {
		struct sq_op op;
		struct sq_publish publish;
		struct sq_settling settling;
	};
	struct process *p;
	char letter;
	int status;
	bool over;
};

static void conf_set(const char *key, int64_t value)
{
	for (const struct sq_opt *o = sq_plugin_transport_local.opts; o->type; o++)
		if (strcmp(o->key, key) == 0)
			conf[o->off / sizeof *conf] = value;
}

static void clear_dir(void)
{
	static const char *const names[] = {"queue.db", "queue.db-wal", "queue.db-shm", "queue.db-journal"};
	char path[128];

	for (size_t i = 0; i < SQ_LEN(names); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
}

/* As another process would. */
static int64_t sql(const char *text)
{
	char path[128];
	sqlite3 *db;
	sqlite3_stmt *stmt;
	int64_t value = -1;

	snprintf(path, sizeof path, "%s/queue.db", dir);
	sqlite3_open(path, &db);
	sqlite3_prepare_v2(db, text, -1, &stmt, NULL);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return value;
}

static void note(struct process *p, char letter)
{
	size_t n = strlen(p->order);

	if (n + 1 < sizeof p->order)
		p->order[n] = letter;
}

static void on_deliver(void *ctx, struct sq_delivery *d)
{
	struct process *p = sq_container(ctx, struct process, h);

	p->held[p->held_count++] = d;
	p->came++;
	note(p, 'd');
	if (p->lower != UINT32_MAX)
		p->vt->credit(p->self, p->lower);
}

static void forget(struct process *p, const struct sq_delivery *d)
{
	unsigned i = 0;

	while (p->held[i] != d)
		i++;
	p->held[i] = p->held[--p->held_count];
}

static void on_lost(void *ctx, struct sq_delivery *d)
{
	struct process *p = sq_container(ctx, struct process, h);

	forget(p, d);
	p->lost++;
	note(p, 'l');
}

static int64_t *counter(void *ctx, const char *name, const char *help)
{
	(void)name, (void)help;
	return &sq_container(ctx, struct process, h)->metric;
}

static int process_open(struct process *p, struct sq_err *err)
{
	int r;

	*p = (struct process){.lower = UINT32_MAX, .vt = sq_plugin_transport_local.vt.transport};
	store_host_init(&p->h, dir);
	p->h.host.deliver = on_deliver;
	p->h.host.lost = on_lost;
	p->h.host.counter = counter;
	r = sq_plugin_transport_local.create(&p->h.host, conf, &p->self, err);
	if (r == 0) {
		r = sq_plugin_transport_local.start(p->self, err);
		if (r < 0)
			sq_plugin_transport_local.destroy(p->self);
	}
	if (r == 0)
		host_settle(&p->h);
	return r;
}

static void drained(struct sq_op *op, int status)
{
	(void)op, (void)status;
}

static void process_drain(struct process *p)
{
	static struct sq_op op = {.done = drained};

	p->h.submitting = true;
	sq_plugin_transport_local.drain(p->self, &op);
	p->h.submitting = false;
	host_settle(&p->h);
}

static void process_stop(struct process *p)
{
	process_drain(p);
	sq_plugin_transport_local.destroy(p->self);
}

/* As kill -9 leaves it. */
static void process_crash(struct process *p)
{
	sq_plugin_transport_local.destroy(p->self);
}

static void call_done(struct sq_op *op, int status)
{
	struct call *c = sq_container(op, struct call, op);

	c->status = status;
	c->over = true;
	note(c->p, c->letter);
}

static int accepted(struct process *p, struct call *c, char letter)
{
	c->p = p;
	c->letter = letter;
	c->op.done = call_done;
	p->h.submitting = true;
	if (letter == 'p')
		c->status = p->vt->publish(p->self, &c->publish);
	else if (letter == 's')
		c->status = p->vt->settle(p->self, &c->settling);
	else
		c->status = p->vt->renew(p->self, &c->settling);
	p->h.submitting = false;
	c->over = c->status < 0;
	return c->status;
}

static int begin_publish(struct process *p, struct call *c, const char *id)
{
	*c = (struct call){.publish.msg = {.id = id, .edition = 1, .body = {"{}", 2}}};
	return accepted(p, c, 'p');
}

static int do_publish(struct process *p, const char *id)
{
	struct call c;

	if (begin_publish(p, &c, id) == 0)
		host_settle(&p->h);
	return c.status;
}

static int begin_settle(struct process *p, struct call *c, struct sq_delivery *d, enum sq_settle how)
{
	*c = (struct call){.settling = {.delivery = d, .how = how, .reason = "why"}};
	if (accepted(p, c, 's') == 0)
		forget(p, d);
	return c->status;
}

static int do_settle(struct process *p, struct sq_delivery *d, enum sq_settle how)
{
	struct call c;

	if (begin_settle(p, &c, d, how) == 0)
		host_settle(&p->h);
	return c.status;
}

static int begin_renew(struct process *p, struct call *c, struct sq_delivery *d)
{
	*c = (struct call){.settling = {.delivery = d}};
	return accepted(p, c, 'r');
}

static void allow(struct process *p, uint32_t most)
{
	p->vt->credit(p->self, most);
	host_settle(&p->h);
}

#define RUN_OUT "UPDATE messages SET until = 0"

/* --- one process --- */

static void one_transaction(void)
{
	struct process p;
	struct call c;

	process_open(&p, NULL);
	is_int(p.vt->publish(p.self, &(struct sq_publish){.msg = {.id = NULL}}), -EINVAL,
	       "a message has a name");
	is_int(p.vt->publish(p.self, &(struct sq_publish){.msg = {.id = "a", .body = {dir, 2 << 20}}}),
	       -E2BIG, "and a body of no more than 1 MiB");
	allow(&p, 1);
	p.h.hold = true;
	begin_publish(&p, &c, "a");
	host_turn(&p.h);
	p.h.hold = false;
	host_turn(&p.h);
	is_str(p.order, "pd", "what is published with credit is locked in the same transaction");
	begin_publish(&p, &c, "b");
	is_int(p.vt->cancel(p.self, &c.op), 0, "a publish that waits can be called back");
	p.h.hold = true;
	begin_publish(&p, &c, "c");
	host_turn(&p.h);
	is_int(p.vt->cancel(p.self, &c.op), -EBUSY, "one that runs cannot");
	p.h.hold = false;
	host_settle(&p.h);
	ok(c.over && c.status == 0, "and is done");
	is_int(sql("SELECT count(*) FROM messages"), 2, "two of three are there");
	process_stop(&p);
	clear_dir();
}

static void less_credit(void)
{
	struct process p;

	process_open(&p, NULL);
	do_publish(&p, "a");
	do_publish(&p, "b");
	p.vt->credit(p.self, 2);
	p.h.hold = true;
	host_turn(&p.h);
	p.h.hold = false;
	host_turn(&p.h); /* the peek */
	p.h.hold = true;
	host_turn(&p.h); /* the taking waits */
	p.vt->credit(p.self, 0);
	p.h.hold = false;
	host_settle(&p.h);
	is_int(p.came, 0, "credit that is lowered while messages are on their way: none comes");
	is_int(sql("SELECT count(*) FROM messages WHERE until <= 0 OR boot = '' OR attempt = 0"), 2,
	       "and they went back uncounted");
	p.lower = 1;
	allow(&p, 2);
	host_pass(&p.h, SQ_S);
	is_int(p.came, 1, "nor does the second when the first one lowers it");
	p.lower = UINT32_MAX;
	do_settle(&p, p.held[0], SQ_ACK);
	host_pass(&p.h, SQ_S);
	is_int(p.came, 2, "until there is room");
	is_int(p.held[0]->attempt, 1, "for its first attempt");
	process_stop(&p);
	clear_dir();
}

static void end_with_deliveries(void)
{
	struct process p;
	struct sq_delivery *d;

	process_open(&p, NULL);
	do_publish(&p, "a");
	allow(&p, 1);
	d = p.held[0];
	process_drain(&p);
	is_str(d->msg.id, "a", "a delivery stays the role's to look at in drain");
	is_int(sql("SELECT attempt FROM messages"), 0, "and goes back uncounted");
	is_int(p.vt->settle(p.self, &(struct sq_settling){.delivery = d}), -ENOTCONN,
	       "it cannot be settled any more");
	is_int(p.lost, 0, "nor is it lost");
	process_crash(&p);
	process_open(&p, NULL);
	allow(&p, 1);
	is_int(p.held[0]->attempt, 1, "the next process has it at once");
	process_stop(&p);
	clear_dir();
}

/* --- locks --- */

static void lost_in_settlement(void)
{
	struct process a, b;
	struct call c;

	process_open(&a, NULL);
	process_open(&b, NULL);
	do_publish(&a, "m");
	allow(&a, 1);
	begin_settle(&a, &c, a.held[0], SQ_ACK);
	sql(RUN_OUT);
	allow(&b, 1);
	is_int(b.held_count ? b.held[0]->attempt : 0, 2,
	       "a lock runs out, and another process takes the message");
	host_pass(&a.h, 2 * LOCK);
	ok(c.over && c.status == -SQ_EGONE, "the settlement of the first comes too late");
	is_int(a.lost, 0, "which is all it hears");
	is_int(do_settle(&b, b.held[0], SQ_ACK), 0, "the second settles it");
	is_int(sql("SELECT count(*) FROM messages"), 0, "for good");
	do_publish(&a, "n");
	host_pass(&a.h, SQ_S);
	begin_settle(&a, &c, a.held[0], SQ_ACK);
	sql(RUN_OUT);
	host_settle(&a.h);
	is_int(c.status, 0, "a lock that ran out and that nobody else has still settles");
	process_stop(&a);
	process_stop(&b);
	clear_dir();
}

static void lost_in_renewal(void)
{
	struct process a, b;
	struct call c;

	process_open(&a, NULL);
	process_open(&b, NULL);
	do_publish(&a, "m");
	allow(&a, 1);
	host_pass(&a.h, LOCK - SQ_S);
	begin_renew(&a, &c, a.held[0]);
	a.h.hold = true;
	host_pass(&a.h, 2 * SQ_S);
	is_int(a.lost, 0, "a lock whose renewal is on its way is not lost yet");
	a.h.hold = false;
	host_settle(&a.h);
	ok(c.over && c.status == 0 && a.lost == 0, "nor behind it");
	host_pass(&a.h, LOCK - 4 * SQ_S);
	is_int(a.lost, 0, "it holds for its time");
	begin_renew(&a, &c, a.held[0]);
	sql(RUN_OUT);
	allow(&b, 1);
	b.vt->credit(b.self, 0);
	host_settle(&a.h);
	is_int(c.status, -SQ_EGONE, "a renewal that another process was faster than");
	is_str(a.order, "pdrrl", "ends before the delivery is lost");
	is_int(do_settle(&b, b.held[0], SQ_ACK), 0, "the other one has it");
	do_publish(&b, "n");
	host_pass(&a.h, SQ_S);
	host_pass(&a.h, LOCK + SQ_S);
	is_str(a.order, "pdrrldl", "without a renewal it is lost by our own clock");
	allow(&a, 0);
	process_stop(&a);
	process_stop(&b);
	clear_dir();
}

static void settled_in_renewal(void)
{
	struct process p;
	struct call r, s;

	process_open(&p, NULL);
	do_publish(&p, "m");
	allow(&p, 1);
	begin_renew(&p, &r, p.held[0]);
	is_int(begin_renew(&p, &(struct call){0}, p.held[0]), -EBUSY, "one renewal at a time");
	begin_settle(&p, &s, p.held[0], SQ_RETRY);
	is_int(p.vt->renew(p.self, &(struct sq_settling){.delivery = s.settling.delivery}), -EALREADY,
	       "none of what is being settled");
	host_settle(&p.h);
	is_str(p.order, "pdrs", "a settlement ends behind the renewal");
	ok(r.status == 0 && s.status == 0, "each as it went");
	process_stop(&p);
	clear_dir();
}

/* --- when the disk fails --- */

static void full_disk(void)
{
	struct process p;
	struct call c;

	process_open(&p, NULL);
	do_publish(&p, "a");
	allow(&p, 2);
	fail_vfs_after(1, 1000000, SQLITE_FULL);
	is_int(do_publish(&p, "b"), -ENOSPC, "a full disk: publish says so");
	begin_renew(&p, &c, p.held[0]);
	host_settle(&p.h);
	is_int(c.status, -ENOSPC, "and renew");
	is_int(p.held_count, 1, "and the lock stays for its time");
	is_int(do_settle(&p, p.held[0], SQ_ACK), -ENOSPC, "and settle");
	ok(p.h.ready == 0 && p.h.errors == 1, "readiness fails, with one line");
	fail_vfs_after(0, 0, 0);
	sql(RUN_OUT);
	host_pass(&p.h, SQ_S);
	ok(p.h.ready == 1 && p.h.infos == 1, "with space it comes back by itself");
	is_int(p.held_count, 1, "and what could not be settled comes again");
	is_int(p.lost, 0, "unlost");
	is_int(do_publish(&p, "b"), 0, "and new messages");
	is_int(p.held_count, 2, "are taken");
	process_stop(&p);
	clear_dir();
}

static bool honest(int r)
{
	return r == 0 || r == -ENOSPC || r == -EIO || r == -SQ_EUNCERTAIN || r == -SQ_EGONE;
}

/* Ten messages through a disk whose n-th write fails: what was confirmed comes, what was
 * acknowledged does not come again. */
static unsigned ten_messages(unsigned n, int code, unsigned times, bool *fine)
{
	bool published[10] = {false}, acked[10] = {false}, unsure[10] = {false};
	struct process p;
	unsigned failed;
	char id[2] = "0";

	if (process_open(&p, NULL) < 0)
		return 0;
	allow(&p, 2);
	fail_vfs_after(n, times, code);
	for (int i = 0; i < 10; i++) {
		int r;

		id[0] = (char)('0' + i);
		r = do_publish(&p, id);
		*fine &= honest(r);
		published[i] = r == 0;
		host_pass(&p.h, 2 * SQ_S);
		while (p.held_count > 0) {
			int k = p.held[0]->msg.id[0] - '0';

			*fine &= !acked[k];
			r = do_settle(&p, p.held[0], SQ_ACK);
			*fine &= honest(r);
			acked[k] = r == 0;
			unsure[k] |= r == -SQ_EUNCERTAIN;
		}
	}
	failed = fail_vfs_failed();
	fail_vfs_after(0, 0, 0);
	process_crash(&p);
	sql(RUN_OUT);
	*fine &= process_open(&p, NULL) == 0;
	allow(&p, 10);
	for (unsigned i = 0; i < p.held_count; i++) {
		int k = p.held[i]->msg.id[0] - '0';

		*fine &= !acked[k];
		acked[k] = true;
	}
	for (int i = 0; i < 10; i++)
		*fine &= !published[i] || acked[i] || unsure[i];
	process_stop(&p);
	clear_dir();
	return failed;
}

static void fail_each(int code, unsigned times, const char *what)
{
	unsigned n = 1, met = 0;
	bool fine = true;

	for (; n < 100; n++) {
		unsigned failed = ten_messages(n, code, times, &fine);

		met += failed > 0;
		if (failed == 0)
			break;
	}
	ok(fine, "%s: what was confirmed comes, what was acknowledged is gone", what);
	ok(met > 20, "%s: %u different writes failed", what, met);
}

/* --- when memory fails --- */

static int scenario(struct process *p)
{
	struct call c;
	int worst = 0, r;

	r = do_publish(p, "a");
	worst = r < worst ? r : worst;
	allow(p, 2);
	host_pass(&p->h, 2 * SQ_S);
	if (p->held_count > 0) {
		begin_renew(p, &c, p->held[0]);
		host_settle(&p->h);
		r = do_settle(p, p->held[0], SQ_RETRY);
		worst = r < worst ? r : worst;
	}
	return worst;
}

static void no_memory(void)
{
	for (unsigned n = 1; n < 100; n++) {
		struct sq_err err = {0};
		struct process p;
		int r;

		failmalloc_after(n);
		r = process_open(&p, &err);
		if (r == 0) {
			r = scenario(&p);
			process_stop(&p);
		}
		if (!failmalloc_stop()) {
			is_int(r, 0, "with enough memory all is well");
			clear_dir();
			return;
		}
		ok(r == 0 || r == -ENOMEM, "allocation %u fails: told so, and nothing else", n);
		is_int(process_open(&p, &err), 0, "the file is good");
		is_int(do_publish(&p, "after"), 0, "and takes messages");
		process_stop(&p);
		clear_dir();
	}
	ok(false, "the scenario ends");
}

int main(void)
{
	snprintf(dir, sizeof dir, "/tmp/squall-unit-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	fail_vfs_install();
	conf_set("lock", LOCK);
	conf_set("max_deliveries", 10);
	conf_set("busy_timeout", 50 * SQ_MS);
	one_transaction();
	less_credit();
	end_with_deliveries();
	lost_in_settlement();
	lost_in_renewal();
	settled_in_renewal();
	full_disk();
	fail_each(SQLITE_FULL, 1, "full once");
	fail_each(SQLITE_FULL, 5, "full");
	fail_each(SQLITE_IOERR_WRITE, 5, "broken");
	no_memory();
	rmdir(dir);
	return tap_done();
}
