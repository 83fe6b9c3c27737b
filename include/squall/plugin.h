/*
 * plugin.h - the one symbol that a plugin exports.
 *
 * A plugin is a shared object <kind>_<name>.so in the host's plugin folder. It exports one
 * constant descriptor and nothing else; the host checks it before it runs any code of it, and
 * opens only the plugins that the .conf names. Build one with
 *
 *     cc -shared -fPIC -fvisibility=hidden $(pkg-config --cflags squall) -o role_hello.so hello.c
 *
 * Life, all on the loop thread:
 *
 *     check    the filled configuration across options; pure, no I/O. Also run by squalld -t.
 *     create   cheap and local: allocate, no I/O, no threads. On failure the plugin has released
 *              everything already, and destroy is not called.
 *     start    connect, listen, spawn. Order: store, transport, scheduler, roles as written.
 *              Being connected is announced later by host->ready().
 *     drain    in reverse order: finish what is in flight, take nothing new; complete op with
 *              host->op_done() when empty, at once if there is nothing to do. Also after a
 *              failed start. Bounded by the process's one grace period.
 *     destroy  exactly once for each successful create. Nothing of the plugin runs afterwards.
 *
 * ABI. MINOR may append to what carries a size (sq_plugin, the vtables, sq_host, sq_http_calls)
 * and to what only the host makes (sq_http, sq_delivery). All other structures are frozen within
 * a MAJOR: plugins embed them and hold arrays of them.
 *   1.0  first
 */
#ifndef SQUALL_PLUGIN_H
#define SQUALL_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#include <squall/conf.h>
#include <squall/host.h>
#include <squall/role.h>
#include <squall/scheduler.h>
#include <squall/store.h>
#include <squall/transport.h>
#include <squall/util.h>

#define SQ_PLUGIN_MAGIC 0x4c415153u /* "SQAL" in memory on little-endian machines */
#define SQ_ABI_MAJOR 1
#define SQ_ABI_MINOR 0

enum sq_kind { SQ_STORE = 1, SQ_TRANSPORT, SQ_SCHEDULER, SQ_ROLE };

struct sq_plugin {
	/* Frozen for all time: read before anything else is believed. */
	uint32_t magic;
	uint16_t abi_major, abi_minor; /* major must equal the host's, minor must not be newer */
	uint32_t size; /* sizeof(struct sq_plugin) as the plugin saw it */
	uint32_t kind; /* enum sq_kind */

	const char *name; /* = value in the .conf = <kind>_<name>.so = plugins/<kind>/<name> */
	const char *version;
	const char *summary; /* one line for --describe */

	const struct sq_opt *opts; /* NULL: no options */
	uint32_t conf_size; /* the host allocates and fills it */
	int (*check)(const void *conf, struct sq_err *err); /* may be NULL */

	int (*create)(const struct sq_host *host, const void *conf, void **ret_self, struct sq_err *err);
	int (*start)(void *self, struct sq_err *err);
	void (*drain)(void *self, struct sq_op *op);
	void (*destroy)(void *self);

	/* squalld -t --connect: after create(), without start(): connect, look, change nothing, and give up
	 * within 10 s. On failure err (valid until op.done) says what and the cure; else it may say what
	 * was reached. drain() and destroy() follow. May be NULL. */
	void (*probe)(void *self, struct sq_op *op, struct sq_err *err);

	union {
		const struct sq_store *store;
		const struct sq_transport *transport;
		const struct sq_scheduler *scheduler;
		const struct sq_role *role;
	} vt;
};

/* What 1.0 had. A newer host copies min(size, its own) bytes over zeroes, so that fields an older
 * plugin never heard of read as absent; the same holds for the vtables by their own size. */
#define SQ_PLUGIN_SIZE_1_0 (offsetof(struct sq_plugin, vt) + sizeof(void *))

#ifdef SQ_STATIC /* unit tests and fuzzers link several plugins into one program */
#define SQ_PLUGIN_SYMBOL_(kind, name) sq_plugin_##kind##_##name
#else
#define SQ_PLUGIN_SYMBOL_(kind, name) sq_plugin
#endif

/*
 *     SQ_PLUGIN(role, SQ_ROLE, hello, .version = "1.0", .summary = "Says hello",
 *               .create = hello_create, ..., .vt.role = &hello_role);
 */
#define SQ_PLUGIN(kind_word, kind_value, name_, ...)                                                      \
	__attribute__((visibility("default"))) extern const struct sq_plugin SQ_PLUGIN_SYMBOL_(kind_word, \
	                                                                                       name_);    \
	const struct sq_plugin SQ_PLUGIN_SYMBOL_(kind_word, name_) = {.magic = SQ_PLUGIN_MAGIC,           \
	                                                              .abi_major = SQ_ABI_MAJOR,          \
	                                                              .abi_minor = SQ_ABI_MINOR,          \
	                                                              .size = sizeof(struct sq_plugin),   \
	                                                              .kind = (kind_value),               \
	                                                              .name = #name_,                     \
	                                                              __VA_ARGS__}

_Static_assert(offsetof(struct sq_plugin, kind) == 12, "the head of sq_plugin is frozen");

#endif
