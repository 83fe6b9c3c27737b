/* store_records.c - what records and leases have to do. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store_script.h"

/* --- requests of one line, for all parts of the script --- */

static struct sq_slice text(const char *s)
{
	return (struct sq_slice){s, strlen(s)};
}

bool slice_is(struct sq_slice s, const char *want)
{
	return s.len == strlen(want) && (s.len == 0 || memcmp(s.data, want, s.len) == 0);
}

int put(struct rig *g, struct call *c, const char *id, const char *state, uint64_t version, uint64_t fence)
{
	c->put = (struct sq_store_put){
	    .id = id, .state = state, .version = version, .fence = fence, .body = text("{\"n\":1}")};
	return call(g, PUT, c);
}

int end_record(struct rig *g, const char *id, uint64_t version, uint64_t fence)
{
	struct call c = {.put = {.id = id,
	                         .state = "done",
	                         .version = version,
	                         .fence = fence,
	                         .life = SQ_TERMINAL,
	                         .body = text("{}")}};

	return call(g, PUT, &c);
}

int get(struct rig *g, struct call *c, const char *id)
{
	c->get = (struct sq_store_get){.id = id};
	return call(g, GET, c);
}

int lease(struct rig *g, struct call *c, const char *id, const char *owner, int64_t ttl, uint64_t fence)
{
	c->lease = (struct sq_store_lease){
	    .id = id, .owner = owner, .address = "http://10.0.0.1:8000", .ttl = ttl, .fence = fence};
	return call(g, LEASE, c);
}

int append(struct rig *g, struct call *c, const char *id, const char *log, uint64_t at, const char *entry)
{
	c->append = (struct sq_store_append){.id = id, .log = log, .at = at, .entry = text(entry)};
	return call(g, APPEND, c);
}

int part_put(struct rig *g, struct call *c, const char *id, const char *part, uint64_t seq, const char *data)
{
	c->part_put = (struct sq_store_part_put){.id = id,
	                                         .part = {.name = part, .seq = seq, .data = text(data)}};
	return call(g, PART_PUT, c);
}

int count(struct rig *g, enum verb verb, struct call *c, const char *counter, int64_t n)
{
	memset(c, 0, sizeof *c);
	c->item = (struct sq_counter){.name = counter, .n = n};
	return call(g, verb, c);
}

static int release(struct rig *g, const char *id, uint64_t fence)
{
	struct call c = {.release = {.id = id, .fence = fence}};

	return call(g, RELEASE, &c);
}

static int del(struct rig *g, const char *id)
{
	struct call c = {.del = {.id = id}};

	return call(g, DEL, &c);
}

/* --- the store itself --- */

static void info(struct rig *g)
{
	struct call a = {0}, b = {0};

	is_int(call(g, INFO, &a), 0, "the store says who it is");
	ok(a.info.id[0] && strlen(a.info.id) <= SQ_ID_MAX, "by a name");
	ok(a.info.now > 1500000000000LL, "and what time it is, in Unix ms");
	call(g, INFO, &b);
	is_str(b.info.id, a.info.id, "the name stays");
	ok(b.info.now >= a.info.now, "and its clock does not go back");
}

static void names(struct rig *g)
{
	static const char *const bad[] = {
	    "",         "a b", "a/b",
	    "\xc3\xa9", "a\n", "12345678901234567890123456789012345678901234567890123456789012345"};
	const char *longest = "1234567890123456789012345678901234567890123456789012345678901234";
	struct call c = {0};

	for (size_t i = 0; i < SQ_LEN(bad); i++) {
		is_int(get(g, &c, bad[i]), -EINVAL, "a bad name is refused by get");
		is_int(put(g, &c, bad[i], "x", 0, 0), -EINVAL, "by put");
		is_int(append(g, &c, name(g, "r"), bad[i], 0, "e"), -EINVAL, "by append, for a log");
		is_int(part_put(g, &c, name(g, "r"), bad[i], 0, "e"), -EINVAL, "by part_put");
		is_int(lease(g, &c, name(g, "r"), bad[i], SQ_S, 0), -EINVAL, "by lease, for an owner");
		is_int(count(g, ADD, &c, bad[i], 1), -EINVAL, "by add");
	}
	is_int(get(g, &c, longest), -ENOENT, "64 bytes are not too many");
	is_int(get(g, &c, "A-Za-z0-9._:-"), -ENOENT, "and these characters are good");
}

/* --- compare and swap --- */

static void create(struct rig *g)
{
	struct call c = {0};

	is_int(get(g, &c, name(g, "cas")), -ENOENT, "a record that nobody made is not there");
	is_int(put(g, &c, name(g, "cas"), "queued", 7, 0), -ENOENT, "and cannot be changed");
	is_int(put(g, &c, name(g, "cas"), "queued", 0, 0), 0, "version 0 makes it");
	is_int(c.put.stored, 1, "as version 1");
	is_int(put(g, &c, name(g, "cas"), "queued", 0, 0), -SQ_ECONFLICT, "once");
	is_int(c.put.stored, 1, "and says which version is there");
	is_int(get(g, &c, name(g, "cas")), 0, "it can be read");
	is_str(c.get.record.id, name(g, "cas"), "by its id");
	is_str(c.get.record.state, "queued", "state");
	ok(slice_is(c.get.record.body, "{\"n\":1}"), "body");
	is_int(c.get.record.life, SQ_LIVE, "alive");
	is_int(c.get.record.fence, 0, "never leased");
	is_int(c.get.record.lease_until, 0, "not leased");
	is_str(c.get.record.owner, "", "by nobody");
	ok(c.get.record.created == c.get.record.updated && c.get.now >= c.get.record.created,
	   "made just now");
}

static void swap(struct rig *g)
{
	struct call c = {0};
	int64_t created;

	get(g, &c, name(g, "cas"));
	created = c.get.record.created;
	is_int(put(g, &c, name(g, "cas"), "running", 1, 0), 0, "the right version changes it");
	is_int(c.put.stored, 2, "to the next one");
	is_int(put(g, &c, name(g, "cas"), "never", 1, 0), -SQ_ECONFLICT, "an old version does not");
	is_int(c.put.stored, 2, "the newer one is told");
	is_int(put(g, &c, name(g, "cas"), "never", 9, 0), -SQ_ECONFLICT, "nor does one that never was");
	get(g, &c, name(g, "cas"));
	is_str(c.get.record.state, "running", "and the record is what the right one made it");
	ok(c.get.record.created == created && c.get.record.updated >= created,
	   "created stays, updated does not");
}

static void empty_body(struct rig *g)
{
	struct call c = {.put = {.id = name(g, "empty"), .state = "x"}};

	is_int(call(g, PUT, &c), 0, "a body may be empty");
	get(g, &c, name(g, "empty"));
	is_int(c.get.record.body.len, 0, "and stays so");
}

static void bytes(struct rig *g)
{
	static char body[300000];
	struct call c = {.put = {.id = name(g, "bytes"), .state = "x", .body = {body, sizeof body}}};

	for (size_t i = 0; i < sizeof body; i++)
		body[i] = (char)(i * 31);
	is_int(call(g, PUT, &c), 0, "bodies of any bytes");
	get(g, &c, name(g, "bytes"));
	ok(c.get.record.body.len == sizeof body && memcmp(c.get.record.body.data, body, sizeof body) == 0,
	   "come back as they were, 300,000 of them with NULs");
}

static void bad_put(struct rig *g)
{
	struct call c = {.put = {.id = name(g, "bad"), .state = "x", .life = SQ_TOMBSTONE}};

	is_int(call(g, PUT, &c), -EINVAL, "nobody writes tombstones");
	is_int(put(g, &c, name(g, "bad"), "", 0, 0), -EINVAL, "a state is a word");
	is_int(get(g, &c, name(g, "bad")), -ENOENT, "and nothing was written");
}

/* --- the order of refusals --- */

struct refusal {
	const char *id;
	uint64_t version, fence;
	int status;
	const char *what;
};

static void refusals(struct rig *g)
{
	struct call c = {0};
	const struct refusal r[] = {
	    {name(g, "none"), 1, 9, -ENOENT, "no record comes before the fence"},
	    {name(g, "tomb"), 0, 9, -SQ_EGONE, "a tombstone before the fence, also for version 0"},
	    {name(g, "final"), 9, 9, -SQ_EFINAL, "the end before fence and version"},
	    {name(g, "owned"), 9, 9, -SQ_EFENCED, "the fence before the version"},
	    {name(g, "owned"), 9, 1, -SQ_ECONFLICT, "the version last"},
	    {name(g, "owned"), 9, 0, -SQ_ECONFLICT, "also without a fence"},
	    {name(g, "none"), 0, 9, -SQ_EFENCED, "a fence that was never granted makes no record"},
	};

	put(g, &c, r[1].id, "x", 0, 0);
	end_record(g, r[1].id, 1, 0);
	is_int(del(g, r[1].id), 0, "one is deleted");
	put(g, &c, r[2].id, "x", 0, 0);
	is_int(end_record(g, r[2].id, 1, 0), 0, "one is final");
	put(g, &c, r[3].id, "x", 0, 0);
	is_int(lease(g, &c, r[3].id, "me", SQ_S, 0), 0, "one is owned");
	for (size_t i = 0; i < SQ_LEN(r); i++) {
		is_int(put(g, &c, r[i].id, "never", r[i].version, r[i].fence), r[i].status, r[i].what);
		if (r[i].status == -SQ_EFINAL)
			is_int(c.put.stored, 2, "and the version is told");
	}
	c.append = (struct sq_store_append){.id = r[3].id, .log = "l", .fence = 9, .entry = {"e", 1}};
	is_int(call(g, APPEND, &c), -SQ_EFENCED, "append minds the fence");
	c.merge = (struct sq_store_merge){.id = r[3].id, .log = "l", .fence = 9, .first = 1, .last = 1};
	is_int(call(g, MERGE, &c), -SQ_EFENCED, "merge");
	c.part_put = (struct sq_store_part_put){.id = r[3].id, .fence = 9, .part = {.name = "p"}};
	is_int(call(g, PART_PUT, &c), -SQ_EFENCED, "part_put");
	is_int(append(g, &c, r[2].id, "l", 0, "e"), -SQ_EFINAL, "a final record takes no entries");
	is_int(part_put(g, &c, r[2].id, "p", 0, "e"), -SQ_EFINAL, "no parts");
	is_int(lease(g, &c, r[2].id, "me", SQ_S, 0), -SQ_EFINAL, "and no owner");
	is_int(append(g, &c, r[1].id, "l", 0, "e"), -SQ_EGONE, "nor does a tombstone");
	is_int(part_put(g, &c, r[1].id, "p", 0, "e"), -SQ_EGONE, "take parts");
	is_int(lease(g, &c, r[1].id, "me", SQ_S, 0), -SQ_EGONE, "or an owner");
	is_int(append(g, &c, r[0].id, "l", 0, "e"), -ENOENT, "nor what is not there");
	is_int(lease(g, &c, r[0].id, "me", SQ_S, 0), -ENOENT, "which nobody owns");
}

/* --- the end --- */

static void tombstones(struct rig *g)
{
	struct call c = {0};

	is_int(del(g, name(g, "t")), -ENOENT, "what is not there cannot be deleted");
	put(g, &c, name(g, "t"), "x", 0, 0);
	lease(g, &c, name(g, "t"), "me", SQ_S, 0);
	append(g, &c, name(g, "t"), "log", 0, "e");
	part_put(g, &c, name(g, "t"), "part", 0, "e");
	c.count = (struct sq_store_count){0};
	c.item = (struct sq_counter){.name = name(g, "t.n"), .record = name(g, "t"), .n = 3};
	is_int(call(g, ADD, &c), 0, "a counter may belong to a record");
	is_int(del(g, name(g, "t")), -EBUSY, "a live record is not deleted");
	is_int(end_record(g, name(g, "t"), 1, 1), 0, "its owner ends it");
	get(g, &c, name(g, "t"));
	is_int(c.get.record.life, SQ_TERMINAL, "it is terminal");
	ok(c.get.record.lease_until <= c.get.now, "which ends the lease");
	is_int(del(g, name(g, "t")), 0, "then it can be deleted");
	is_int(del(g, name(g, "t")), 0, "twice");
	is_int(get(g, &c, name(g, "t")), 0, "a tombstone is found");
	is_int(c.get.record.life, SQ_TOMBSTONE, "as one");
	is_int(c.get.record.version, 2, "with its version");
	is_int(c.get.record.fence, 1, "and its fence");
	is_int(c.get.record.body.len, 0, "and no body");
	is_int(put(g, &c, name(g, "t"), "x", 0, 0), -SQ_EGONE, "it never comes back to life");
	c.parts = (struct sq_store_parts){.id = name(g, "t"), .prefix = ""};
	is_int(call(g, PARTS, &c), -SQ_EGONE, "its parts are gone");
	for (int i = 0; i < 50; i++) { /* a store may take a moment for the counter */
		count(g, READ, &c, name(g, "t.n"), 0);
		if (c.item.value == 0)
			break;
		pause_ms(g, 50);
	}
	is_int(c.item.value, 0, "and its counter");
}

/* --- leases --- */

static void leases(struct rig *g)
{
	struct call c = {0};
	const char *id = name(g, "lease");

	put(g, &c, id, "x", 0, 0);
	is_int(lease(g, &c, id, "me", 99 * SQ_MS, 0), -EINVAL, "a lease lasts 100 ms");
	is_int(lease(g, &c, id, "me", 3601 * SQ_S, 0), -EINVAL, "to one hour");
	is_int(lease(g, &c, id, "me", 3600 * SQ_S, 0), 0, "granted when nobody holds it");
	is_int(c.lease.fence, 1, "under fence 1");
	is_int(c.lease.version, 1, "telling the record's version");
	is_int(lease(g, &c, id, "other", SQ_S, 0), -SQ_ECONFLICT, "refused while somebody does");
	is_str(c.lease.holder, "me", "whose name is told");
	is_str(c.lease.holder_address, "http://10.0.0.1:8000", "and address");
	ok(c.lease.until > 0, "and until when");
	get(g, &c, id);
	is_str(c.get.record.owner, "me", "the record shows the owner");
	is_str(c.get.record.address, "http://10.0.0.1:8000", "where it is reached");
	ok(c.get.record.lease_until > c.get.now, "and a lease in the store's future");
	is_int(c.get.record.version, 1, "a lease is no new version");
	is_int(put(g, &c, id, "cancelling", 1, 0), 0, "a gateway may write meanwhile");
	is_int(lease(g, &c, id, "me", 3600 * SQ_S, 1), 0, "which does not cost the owner its lease");
	is_int(c.lease.fence, 1, "that keeps its fence");
	is_int(c.lease.version, 2, "and tells of the foreign write");
	is_int(lease(g, &c, id, "other", SQ_S, 1), -SQ_EFENCED, "another may not renew with our fence");
	is_int(lease(g, &c, id, "me", 3600 * SQ_S, 0), 0, "the owner may ask again");
	is_int(c.lease.fence, 2, "and gets the next fence");
	is_int(lease(g, &c, id, "me", SQ_S, 1), -SQ_EFENCED, "its old one is over");
	is_int(put(g, &c, id, "x", 2, 1), -SQ_EFENCED, "for writing too");
	is_int(put(g, &c, id, "x", 2, 2), 0, "the new one writes");
	is_int(release(g, id, 1), 0, "giving up what is not ours any more");
	is_int(lease(g, &c, id, "other", SQ_S, 0), -SQ_ECONFLICT, "changes nothing");
	is_int(release(g, id, 2), 0, "giving up what is");
	is_int(lease(g, &c, id, "other", SQ_S, 0), 0, "lets others in at once");
	is_int(c.lease.fence, 3, "under the next fence");
	is_int(release(g, name(g, "nobody"), 1), 0, "what is not there is not ours either");
}

static void expiry(struct rig *g)
{
	struct call c = {0};
	const char *id = name(g, "expiry");
	int64_t until;
	int i;

	put(g, &c, id, "x", 0, 0);
	is_int(lease(g, &c, id, "me", 100 * SQ_MS, 0), 0, "a short lease");
	until = now_ns(g) + 100 * SQ_MS;
	for (i = 0; i < 600 && lease(g, &c, id, "other", SQ_S, 0) == -SQ_ECONFLICT; i++)
		pause_ms(g, 20);
	is_int(c.status, 0, "is another's after its end");
	ok(now_ns(g) >= until - 100 * SQ_MS && i > 0, "and not before");
	is_int(c.lease.fence, 2, "with a higher fence");
	is_int(lease(g, &c, id, "me", SQ_S, 1), -SQ_EFENCED, "the first owner is out");
	is_int(put(g, &c, id, "x", 1, 1), -SQ_EFENCED, "and cannot write");
	put(g, &c, name(g, "late"), "x", 0, 0);
	is_int(lease(g, &c, name(g, "late"), "me", 100 * SQ_MS, 0), 0, "a lease that ran out");
	pause_ms(g, 250);
	get(g, &c, name(g, "late"));
	ok(c.get.record.lease_until <= c.get.now, "reads as such");
	is_int(put(g, &c, name(g, "late"), "x", 1, 1), 0, "still writes while its fence is the highest");
	is_int(lease(g, &c, name(g, "late"), "me", SQ_S, 1), 0, "and can be renewed then");
}

/* --- lists --- */

static int list(struct rig *g, struct call *c, const char *state, const char *cursor, uint32_t limit)
{
	c->list = (struct sq_store_list){.state = state, .cursor = cursor, .limit = limit};
	return call(g, LIST, c);
}

static void make_list(struct rig *g, const char *state)
{
	struct call c = {0};
	char id[16];

	for (int i = 0; i < 10; i++) {
		snprintf(id, sizeof id, "l%d", i);
		put(g, &c, name(g, id), state, 0, 0);
	}
}

static void lists(struct rig *g)
{
	const char *state = name(g, "listed");
	struct call c = {0};
	char cursor[256], seen[80] = "";
	int pages = 0;

	make_list(g, state);
	is_int(list(g, &c, state, "", 0), -EINVAL, "a page has one record");
	is_int(list(g, &c, state, "", 1001), -EINVAL, "to a thousand");
	is_int(list(g, &c, state, "", 10), 0, "all of a state");
	is_int(c.list.count, 10, "fit on a page");
	is_str(c.list.next, "", "that is the last");
	is_str(c.list.records[0].id, name(g, "l9"), "newest first");
	ok(slice_is(c.list.records[9].body, "{\"n\":1}"), "with their bodies");
	ok(c.list.now > 0, "and the store's clock");
	cursor[0] = '\0';
	do {
		is_int(list(g, &c, state, cursor, 3), 0, "a page");
		for (uint32_t i = 0; i < c.list.count; i++)
			strcat(seen, strrchr(c.list.records[i].id, 'l'));
		snprintf(cursor, sizeof cursor, "%s", c.list.next);
		if (pages++ == 0)
			put(g, &c, name(g, "l10"), state, 0, 0);
	} while (cursor[0] && pages < 10);
	is_str(seen, "l9l8l7l6l5l4l3l2l1l0", "pages skip and repeat nothing while others are made");
	is_int(list(g, &c, name(g, "nowhere"), "", 3), 0, "no record at all");
	is_int(c.list.count, 0, "is an empty page");
	is_str(c.list.next, "", "and the last");
}

static uint32_t list_count(struct rig *g, struct call *c, const char *state, bool live, bool unleased)
{
	c->list = (struct sq_store_list){
	    .state = state, .cursor = "", .limit = 100, .live_only = live, .unleased_only = unleased};
	return call(g, LIST, c) == 0 ? c->list.count : UINT32_MAX;
}

/* l0 .. l10 are there, in one state. */
static void filters(struct rig *g)
{
	const char *state = name(g, "listed");
	struct call c = {0};

	c.put = (struct sq_store_put){.id = name(g, "l1"), .state = state, .version = 1, .life = SQ_TERMINAL};
	is_int(call(g, PUT, &c), 0, "one ends in that state");
	c.put = (struct sq_store_put){.id = name(g, "l2"), .state = state, .version = 1, .life = SQ_TERMINAL};
	call(g, PUT, &c);
	is_int(del(g, name(g, "l2")), 0, "one is deleted");
	is_int(lease(g, &c, name(g, "l3"), "me", 3600 * SQ_S, 0), 0, "one is leased");
	is_int(lease(g, &c, name(g, "l4"), "me", 100 * SQ_MS, 0), 0, "one was");
	is_int(lease(g, &c, name(g, "l5"), "me", 3600 * SQ_S, 0), 0, "and one");
	is_int(release(g, name(g, "l5"), 1), 0, "was given up");
	pause_ms(g, 250);
	is_int(list_count(g, &c, state, false, false), 10, "lists leave tombstones out");
	is_int(list_count(g, &c, state, true, false), 9, "live ones only");
	is_int(list_count(g, &c, state, true, true), 8, "those without a valid lease only");
	ok(list_count(g, &c, NULL, true, false) >= 9, "of all states");
	c.list = (struct sq_store_list){.state = state, .cursor = "", .limit = 2, .heads_only = true};
	is_int(call(g, LIST, &c), 0, "heads");
	ok(c.list.records[0].body.len == 0 && c.list.records[0].version == 1, "come without bodies");
	put(g, &c, name(g, "l0"), name(g, "other"), 1, 0);
	is_int(list_count(g, &c, state, true, false), 8, "a record that changed its state left the list");
}

/* --- what every request has in common --- */

static void in_order(struct rig *g)
{
	struct call c[40] = {0};
	bool good = true;

	for (unsigned i = 0; i < SQ_LEN(c); i++) {
		c[i].put = (struct sq_store_put){
		    .id = name(g, "order"), .state = "x", .version = i, .body = text("1")};
		good &= begin(g, PUT, &c[i]) == 0;
	}
	wait_all(g);
	for (unsigned i = 0; i < SQ_LEN(c); i++)
		good &= c[i].status == 0 && c[i].put.stored == i + 1 && c[i].ended > 0;
	ok(good, "40 writes submitted at once take effect in the order of submission");
	for (unsigned i = 1; i < SQ_LEN(c); i++)
		good &= c[i].ended > c[i - 1].ended;
	ok(good, "and end in it");
}

static void cancelled(struct rig *g)
{
	struct call a = {0}, c[3] = {0};
	bool known = true;

	put(g, &a, name(g, "cancel"), "x", 0, 0);
	for (unsigned i = 0; i < SQ_LEN(c); i++) {
		c[i].put = (struct sq_store_put){.id = name(g, "cancel"), .state = "x", .version = 1 + i};
		begin(g, PUT, &c[i]);
	}
	give_up(g, &c[2]);
	wait_all(g);
	for (unsigned i = 0; i < SQ_LEN(c); i++)
		known &= c[i].ended > 0;
	ok(known, "a cancelled request ends too");
	ok(c[2].status == -ECANCELED || c[2].status == -SQ_EUNCERTAIN || c[2].status == 0, "as cancelled, "
	                                                                                   "or as it was");
	get(g, &a, name(g, "cancel"));
	if (c[2].status != -SQ_EUNCERTAIN)
		is_int(a.get.record.version, c[2].status == 0 ? 4 : 3, "and what it says is true");
}

const struct step record_steps[] = {
    {"the store has a name and a clock", info},
    {"names", names},
    {"version 0 makes a record", create},
    {"compare and swap", swap},
    {"an empty body", empty_body},
    {"a large body", bytes},
    {"what cannot be written", bad_put},
    {"the order of refusals", refusals},
    {"the end, and tombstones", tombstones},
    {"leases", leases},
    {"leases end", expiry},
    {"lists and cursors", lists},
    {"filters of lists", filters},
    {"order of submission", in_order},
    {"cancel", cancelled},
    {0},
};
