/*
 * store_script.h - the contract of squall/store.h as a script that any store has to pass.
 *
 * How it runs beside the loop is said in script.h.
 */
#ifndef TESTS_STORE_SCRIPT_H
#define TESTS_STORE_SCRIPT_H

#include <squall/plugin.h>

#include "tests/contract/check.h"

enum verb {
	INFO,
	ADD,
	READ,
	RESET,
	GET,
	PUT,
	LIST,
	DEL,
	LEASE,
	RELEASE,
	APPEND,
	MERGE,
	RANGE,
	PART_PUT,
	PARTS
};

/* One request. Zero it, fill the inputs, call() or begin(). */
struct call {
	union {
		struct sq_op op;
		struct sq_store_info info;
		struct sq_store_count count;
		struct sq_store_get get;
		struct sq_store_put put;
		struct sq_store_list list;
		struct sq_store_delete del;
		struct sq_store_lease lease;
		struct sq_store_release release;
		struct sq_store_append append;
		struct sq_store_merge merge;
		struct sq_store_range range;
		struct sq_store_part_put part_put;
		struct sq_store_parts parts;
	};
	struct rig *rig;
	enum verb verb;
	int status;
	unsigned ended; /* the how-many-th to end, from 1; 0: open, or refused */
	struct sq_counter item; /* for counters: what count.items points to unless it is set */
};

/* --- for the script's thread --- */

struct rig;

int call(struct rig *g, enum verb verb, struct call *c); /* to its end; its status, or the refusal */
int begin(struct rig *g, enum verb verb, struct call *c); /* 0, or the refusal; ends some time */
void give_up(struct rig *g, struct call *c); /* host->cancel() */
void wait_all(struct rig *g); /* until everything begun has ended */
void pause_ms(struct rig *g, int ms);
bool was_refused(struct rig *g); /* the last call() or begin() */
int64_t now_ns(struct rig *g);

/* "c1796-SUFFIX": different in each run, so that a store may keep what former runs left. Valid to
 * the end of the run. */
const char *name(struct rig *g, const char *suffix);

/* Requests of one line. version and fence as in record.h; body = the JSON text. */
int put(struct rig *g, struct call *c, const char *id, const char *state, uint64_t version, uint64_t fence);
int end_record(struct rig *g, const char *id, uint64_t version, uint64_t fence);
int get(struct rig *g, struct call *c, const char *id);
int lease(struct rig *g, struct call *c, const char *id, const char *owner, int64_t ttl, uint64_t fence);
int append(struct rig *g, struct call *c, const char *id, const char *log, uint64_t at, const char *entry);
int part_put(struct rig *g, struct call *c, const char *id, const char *part, uint64_t seq, const char *data);
int count(struct rig *g, enum verb verb, struct call *c, const char *counter, int64_t n);
bool slice_is(struct sq_slice s, const char *text);

struct step {
	const char *what;
	void (*run)(struct rig *g);
};
extern const struct step record_steps[], log_steps[], counter_steps[]; /* closed by NULL */

#endif
