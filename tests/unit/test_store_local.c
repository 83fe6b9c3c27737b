/*
 * test_store_local.c - the store local against disks and memory that fail.
 *
 * What a store promises when all is well is in tests/contract; here every write to the disk and
 * every allocation is made to fail in turn, and what the answers said has to be true afterwards.
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

extern const struct sq_plugin sq_plugin_store_local;

#define BLOCK 10

/* As the host fills it: the layout is the plugin's, and known through its option rows. */
static int64_t conf[16];
static char dir[64];

struct store {
	struct store_host h;
	const struct sq_store *vt;
	void *self;
};

/* One request of any kind, with its outcome. */
struct call {
	union {
		struct sq_op op;
		struct sq_store_put put;
		struct sq_store_get get;
		struct sq_store_count count;
		struct sq_store_append append;
		struct sq_store_lease lease;
		struct sq_store_list list;
		struct sq_store_part_put part_put;
	};
	struct sq_counter item;
	int status;
	bool over;
	uint64_t version; /* of get: outputs end with done() */
};

static void conf_set(const char *key, int64_t value)
{
	for (const struct sq_opt *o = sq_plugin_store_local.opts; o->type; o++)
		if (strcmp(o->key, key) == 0)
			conf[o->off / sizeof *conf] = value;
}

static void conf_fill(void)
{
	conf_set("retention", 30 * 24 * 3600 * SQ_S);
	conf_set("tombstone_ttl", 7 * 24 * 3600 * SQ_S);
	conf_set("block", BLOCK);
	conf_set("busy_timeout", 50 * SQ_MS);
}

static void clear_dir(void)
{
	static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm", "store.db-journal",
	                                    "counters.lock"};
	char path[128];

	for (size_t i = 0; i < SQ_LEN(names); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
}

static int store_open(struct store *s, struct sq_err *err)
{
	int r;

	store_host_init(&s->h, dir);
	s->vt = sq_plugin_store_local.vt.store;
	r = sq_plugin_store_local.create(&s->h.host, conf, &s->self, err);
	if (r == 0) {
		r = sq_plugin_store_local.start(s->self, err);
		if (r < 0)
			sq_plugin_store_local.destroy(s->self);
	}
	return r;
}

static void drained(struct sq_op *op, int status)
{
	(void)op, (void)status;
}

static void store_stop(struct store *s)
{
	struct sq_op op = {.done = drained};

	s->h.submitting = true;
	sq_plugin_store_local.drain(s->self, &op);
	s->h.submitting = false;
	host_settle(&s->h);
	sq_plugin_store_local.destroy(s->self);
}

/* As kill -9 leaves it: no drain. (destroy closes the file, which writes nothing of ours.) */
static void store_crash(struct store *s)
{
	sq_plugin_store_local.destroy(s->self);
}

static void call_done(struct sq_op *op, int status)
{
	struct call *c = sq_container(op, struct call, op);

	c->status = status;
	c->over = true;
}

static void got(struct sq_op *op, int status)
{
	struct call *c = sq_container(op, struct call, op);

	call_done(op, status);
	c->version = status == 0 ? c->get.record.version : 0;
}

#define BEGIN(s, verb, c, request)                                                           \
	((c)->op.done = (c)->op.done ? (c)->op.done : call_done, (s)->h.submitting = true,   \
	 (c)->status = (s)->vt->verb((s)->self, &(c)->request), (c)->over = (c)->status < 0, \
	 (s)->h.submitting = false, (c)->status)

static int begin_put(struct store *s, struct call *c, const char *id, uint64_t version)
{
	*c = (struct call){.put = {.id = id, .state = "x", .version = version, .body = {"{}", 2}}};
	return BEGIN(s, put, c, put);
}

static int do_put(struct store *s, const char *id, uint64_t version)
{
	struct call c;

	if (begin_put(s, &c, id, version) == 0)
		host_settle(&s->h);
	return c.status;
}

static uint64_t stored_version(struct store *s, const char *id)
{
	struct call c = {.get = {.id = id}};

	c.op.done = got;
	if (BEGIN(s, get, &c, get) == 0)
		host_settle(&s->h);
	return c.version;
}

static int begin_count(struct store *s, struct call *c, char verb, int64_t n)
{
	*c = (struct call){.count = {.count = 1}, .item = {.name = "total_hits", .n = n}};
	c->count.items = &c->item;
	if (verb == '+')
		return BEGIN(s, add, c, count);
	return verb == '0' ? BEGIN(s, reset, c, count) : BEGIN(s, read, c, count);
}

static int do_count(struct store *s, struct call *c, char verb, int64_t n)
{
	if (begin_count(s, c, verb, n) == 0)
		host_settle(&s->h);
	return c->status;
}

/* --- when all is well --- */

static void group_commit(void)
{
	struct store s;
	struct call c[3], read;

	store_open(&s, NULL);
	for (unsigned i = 0; i < SQ_LEN(c); i++)
		begin_put(&s, &c[i], "r", i);
	s.h.hold = true;
	host_turn(&s.h);
	ok(s.h.work && !c[0].over, "what comes in one turn is one piece of work");
	is_int(s.vt->cancel(s.self, &c[0].op), -EBUSY, "which cannot be called back");
	begin_put(&s, &read, "r", 3);
	is_int(s.vt->cancel(s.self, &read.op), 0, "what comes meanwhile can");
	s.h.hold = false;
	host_settle(&s.h);
	ok(c[0].status == 0 && c[2].status == 0 && c[2].put.stored == 3, "all of it is done, in order");
	ok(!read.over, "and nothing of what was cancelled");
	is_int(stored_version(&s, "r"), 3, "as the record says");
	store_stop(&s);
	clear_dir();
}

static void counter_life(void)
{
	struct store s, other;
	struct call c;

	store_open(&s, NULL);
	is_int(begin_count(&s, &c, '+', 1), 0, "the first hit");
	ok(!c.over, "waits for the disk");
	host_settle(&s.h);
	is_int(c.item.value, 1, "and is number 1");
	is_int(begin_count(&s, &c, '+', 1), 0, "the second");
	is_int(s.h.ended_count, 1, "does not");
	host_settle(&s.h);
	store_open(&other, NULL);
	is_int(do_count(&other, &c, '+', 1), -EBUSY, "another owner is refused");
	ok(strstr(other.h.line, "another process (pid "), "and the owner named");
	is_int(do_count(&other, &c, '?', 0), 0, "reading is free");
	is_int(c.item.value, 0, "and shows what was written back");
	host_pass(&s.h, 100 * SQ_MS);
	do_count(&other, &c, '?', 0);
	is_int(c.item.value, 2, "which takes no longer than 100 ms");
	store_crash(&s);
	is_int(do_count(&other, &c, '+', 1), 0, "a dead owner's counters can be had");
	is_int(c.item.value, BLOCK + 1, "behind its block");
	store_stop(&other);
	store_open(&s, NULL);
	do_count(&s, &c, '+', 1);
	is_int(c.item.value, BLOCK + 2, "a clean stop keeps them exact");
	store_stop(&s);
	clear_dir();
}

static void cancelled_count(void)
{
	struct store s;
	struct call c[4];

	store_open(&s, NULL);
	do_count(&s, &c[0], '+', 5);
	begin_count(&s, &c[0], '0', 0);
	begin_count(&s, &c[1], '+', 1);
	begin_count(&s, &c[2], '+', 1);
	is_int(s.vt->cancel(s.self, &c[0].op), -EBUSY, "a reset that is on its way cannot be called back");
	is_int(s.vt->cancel(s.self, &c[1].op), 0, "what waits behind it can");
	host_settle(&s.h);
	ok(c[0].item.value == 5 && !c[1].over && c[2].item.value == 1, "and has taken no number");
	s.h.hold = true;
	begin_count(&s, &c[0], '+', 10 * BLOCK);
	host_turn(&s.h);
	begin_count(&s, &c[1], '0', 0);
	is_int(s.vt->cancel(s.self, &c[1].op), 0, "a reset that waits can be called back");
	s.h.hold = false;
	host_settle(&s.h);
	do_count(&s, &c[3], '?', 0);
	is_int(c[3].item.value, 10 * BLOCK + 1, "and never happens");
	store_stop(&s);
	clear_dir();
}

static void cancelled_in_drain(void)
{
	struct store s;
	struct call put, drain = {.op.done = call_done};

	store_open(&s, NULL);
	begin_put(&s, &put, "called-back", 0);
	sq_plugin_store_local.drain(s.self, &drain.op);
	is_int(s.vt->cancel(s.self, &put.op), 0, "what waits when the store drains can be called back");
	host_settle(&s.h);
	ok(drain.over, "and the store drains all the same");
	store_crash(&s);
	clear_dir();
}

/* --- when the disk fails --- */

static void full_disk(void)
{
	struct store s;
	struct call c;
	int64_t last = 0;
	int r;

	store_open(&s, NULL);
	do_count(&s, &c, '+', 1);
	last = c.item.value;
	fail_vfs_after(1, 1000000, SQLITE_FULL);
	while ((r = do_count(&s, &c, '+', 1)) == 0)
		last = c.item.value;
	is_int(r, -ENOSPC, "a full disk: hits are refused");
	ok(last == BLOCK, "when the reserved numbers are used up");
	is_int(do_put(&s, "r", 0), -ENOSPC, "records too");
	is_int(do_count(&s, &c, '0', 0), -ENOSPC, "and resets");
	is_int(stored_version(&s, "r"), 0, "reading works");
	ok(s.h.ready == 0 && s.h.errors == 1, "readiness fails, with one line");
	host_pass(&s.h, 5 * SQ_S);
	ok(s.h.ready == 0 && s.h.errors == 1, "and no more while nothing changes");
	fail_vfs_after(0, 0, 0);
	host_pass(&s.h, SQ_S);
	ok(s.h.ready == 1 && s.h.infos == 1, "with space it comes back by itself");
	is_int(do_count(&s, &c, '+', 1), 0, "hits go on");
	is_int(c.item.value, last + 1, "where they stopped");
	is_int(do_put(&s, "r", 0), 0, "and records");
	store_stop(&s);
	clear_dir();
}

/* Writes go on while one after the other fails; whatever was answered must be so. */
static void fail_each(int code, unsigned times, const char *what)
{
	bool fine = true, unique = true;
	unsigned n, met = 0, refused = 0;

	for (n = 1; n < 100; n++) {
		bool given[2000] = {false};
		struct store s;
		struct call c;
		uint64_t version = 0;
		bool unsure = false;

		if (store_open(&s, NULL) < 0)
			break;
		fail_vfs_after(n, times, code);
		for (int i = 0; i < 12; i++) {
			int r = do_put(&s, "r", version);

			fine &= r == 0 || r == -ENOSPC || r == -EIO || r == -SQ_EUNCERTAIN ||
			        r == -SQ_ECONFLICT;
			unsure |= r == -SQ_EUNCERTAIN;
			refused += r < 0;
			if (r == 0)
				version++;
			else
				version = stored_version(&s, "r");
			if (do_count(&s, &c, '+', 3) == 0)
				for (int64_t k = c.item.value - 2; k <= c.item.value; k++) {
					unique &= k > 0 && !given[k];
					given[k] = true;
				}
			host_pass(&s.h, 100 * SQ_MS);
		}
		met += fail_vfs_failed() > 0;
		fine &= stored_version(&s, "r") == version;
		if (n % 2)
			store_stop(&s);
		else
			store_crash(&s);
		fine &= store_open(&s, NULL) == 0;
		fine &= unsure || stored_version(&s, "r") == version;
		if (do_count(&s, &c, '+', 1) == 0)
			unique &= !given[c.item.value];
		store_stop(&s);
		clear_dir();
		if (fail_vfs_failed() == 0)
			break;
	}
	fail_vfs_after(0, 0, 0);
	ok(fine, "%s: what was answered is what is stored", what);
	ok(unique, "%s: no number is given twice", what);
	ok(met > 20, "%s: %u different writes failed", what, met);
	ok(times == 1 ? refused == 0 : refused > 20, "%s: %u requests with them", what, refused);
}

/* One that fails for good must not take others of its batch with it. */
static void not_by_the_fault_of_another(void)
{
	struct store s;
	struct call c[3];

	store_open(&s, NULL);
	fail_vfs_after(1, 1, SQLITE_IOERR_WRITE);
	for (unsigned i = 0; i < SQ_LEN(c); i++)
		begin_put(&s, &c[i], i == 1 ? "b" : "a", i == 2 ? 1 : 0);
	host_settle(&s.h);
	ok(c[0].status == 0 && c[1].status == 0 && c[2].status == 0,
	   "a transaction that failed is tried job by job");
	ok(c[2].put.stored == 2, "in order");
	store_stop(&s);
	clear_dir();
}

/* --- when memory fails --- */

static int scenario(struct store *s)
{
	static const struct sq_part part = {"p", 0, {"x", 1}};
	struct call c;
	int worst = 0, r;

	r = do_put(s, "r", 0);
	worst = r < worst ? r : worst;
	c = (struct call){.append = {.id = "r", .log = "l", .entry = {"e", 1}}};
	if (BEGIN(s, append, &c, append) == 0)
		host_settle(&s->h);
	worst = c.status < worst && c.status != -ENOENT ? c.status : worst;
	c = (struct call){.part_put = {.id = "r", .part = part}};
	if (BEGIN(s, part_put, &c, part_put) == 0)
		host_settle(&s->h);
	c = (struct call){.list = {.cursor = "", .limit = 10}};
	if (BEGIN(s, list, &c, list) == 0)
		host_settle(&s->h);
	worst = c.status < worst ? c.status : worst;
	c = (struct call){.lease = {.id = "r", .owner = "o", .address = "", .ttl = SQ_S}};
	if (BEGIN(s, lease, &c, lease) == 0)
		host_settle(&s->h);
	c = (struct call){.lease = {.id = "r", .owner = "p", .address = "", .ttl = SQ_S}};
	if (BEGIN(s, lease, &c, lease) == 0)
		host_settle(&s->h);
	do_count(s, &c, '+', 1);
	do_count(s, &c, '0', 0);
	do_count(s, &c, '+', 1);
	host_pass(&s->h, SQ_S);
	return worst;
}

static void no_memory(void)
{
	for (unsigned n = 1; n < 100; n++) {
		struct sq_err err = {0};
		struct store s;
		int r;

		failmalloc_after(n);
		r = store_open(&s, &err);
		if (r == 0) {
			r = scenario(&s);
			store_stop(&s);
		}
		if (!failmalloc_stop()) {
			is_int(r, 0, "with enough memory all is well");
			clear_dir();
			return;
		}
		ok(r == 0 || r == -ENOMEM, "allocation %u fails: told so, and nothing else", n);
		is_int(store_open(&s, &err), 0, "the file is good");
		is_int(do_put(&s, "after", 0), 0, "and takes writes");
		store_stop(&s);
		clear_dir();
	}
	ok(false, "the scenario ends");
}

/* Another process, right between two looks of the first one at the new file. */
static int meanwhile(unsigned what, void *begun, void *stmt, void *text)
{
	static struct store other;
	struct sq_err err;
	bool *once = begun;

	(void)what, (void)stmt;
	if (*once || strcmp(text, "PRAGMA user_version") != 0)
		return 0;
	*once = true;
	if (store_open(&other, &err) == 0)
		store_crash(&other);
	return 0;
}

static bool made_meanwhile;

static int watch(sqlite3 *db, char **why, const void *api)
{
	(void)why, (void)api;
	return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, meanwhile, &made_meanwhile);
}

static void two_at_once(void)
{
	struct store s;
	struct sq_err err = {0};
	int r;

	sqlite3_auto_extension((void (*)(void))watch);
	r = store_open(&s, &err);
	ok(r == 0, "a file that another process makes at the same moment is ours: %s", err.text);
	sqlite3_reset_auto_extension();
	ok(made_meanwhile, "and one did");
	if (r == 0)
		store_stop(&s);
	clear_dir();
}

int main(void)
{
	snprintf(dir, sizeof dir, "/tmp/squall-unit-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	fail_vfs_install();
	conf_fill();
	two_at_once();
	group_commit();
	counter_life();
	cancelled_count();
	cancelled_in_drain();
	full_disk();
	fail_each(SQLITE_FULL, 1, "full once");
	fail_each(SQLITE_FULL, 5, "full");
	fail_each(SQLITE_IOERR_WRITE, 5, "broken");
	not_by_the_fault_of_another();
	no_memory();
	rmdir(dir);
	return tap_done();
}
