/*
 * conf.h - options as data.
 *
 * A plugin (and the host itself) describes what it accepts in the .conf as one constant table.
 * The host reads the table without running a line of the plugin: it checks the file and the
 * environment, fills the plugin's configuration structure, and prints the reference
 * documentation, the sample .conf and the man page, all from the same rows.
 *
 * Ownership: the filled structure and everything it points to belong to the host, stay
 * constant, and outlive the plugin instance. Plugins never free or change them.
 */
#ifndef SQUALL_CONF_H
#define SQUALL_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sq_type {
	SQ_T_END = 0, /* closes the table */
	SQ_T_BOOL, /* bool: true or false */
	SQ_T_INT, /* int64_t within [min, max]; in the file at most 2^31-1 (larger counts are sizes) */
	SQ_T_DURATION, /* int64_t ns within [min, max]; "250ms", "2s", "5m", "1h"; a bare number is seconds */
	SQ_T_SIZE, /* int64_t within [min, max]; 65536, "64k", "1M", "100M", "2G" (powers of 1024) */
	SQ_T_STRING, /* const char *, never NULL: "" without a value */
	SQ_T_SECRET, /* const char *; in the file "env:NAME" or "file:/path"; never printed. "" if not set */
	SQ_T_ENUM, /* int, the index into choices */
	SQ_T_LIST, /* const char *const *, closed by NULL; never NULL. ( "a", "b" ) in the file, a,b in the
	              environment */
	SQ_T_PATH, /* const char *, never NULL; in the file and as a default, one that does not begin with
	              "/" counts from the folder of the .conf; in the environment, from the current one */
};

enum {
	SQ_F_REQUIRED = 1u << 0, /* no default: absence is an error */
	SQ_F_EXPERT = 1u << 1, /* left out of the sample .conf */
	SQ_F_REREAD = 1u << 2, /* secrets: the plugin is given "env:NAME" or "file:/path" itself, and reads it
	                        * for each use; the host has seen before the start that it can be read */
};

struct sq_opt {
	const char *key;
	uint32_t type; /* enum sq_type */
	uint32_t flags; /* SQ_F_* */
	size_t off; /* where the value goes in the configuration structure */
	const char *def; /* in .conf spelling, read by the same code as the file; NULL = zero */
	int64_t min, max; /* numbers only */
	const char *const *choices; /* enums only, closed by NULL */
	const char *env; /* variable that overrides the file, or NULL. Empty means unset */
	const char *help; /* one or two sentences, plain text; the reference is built from it */
};

/*
 * Rows are written with these, e.g.
 *
 *     SQ_DURATION(struct my_conf, timeout, "30s", 1 * SQ_MS, 3600 * SQ_S, "Longest wait for an answer."),
 *     SQ_STRING(struct my_conf, host, "localhost", "Host name of the server.", .env = "REDIS_HOST"),
 *
 * _Generic has a single branch on purpose: a field whose C type is not the one that the option
 * type writes to does not compile. Anything after the help text is more designated initialisers.
 */
#define SQ_TYPED_(st, f, ctype, t) _Generic(((st *)0)->f, ctype : (t))
#define SQ_ROW_(st, f, ctype, t, ...)                                                              \
	{                                                                                          \
		.key = #f, .type = SQ_TYPED_(st, f, ctype, t), .off = offsetof(st, f), __VA_ARGS__ \
	}

#define SQ_BOOL(st, f, d, ...) SQ_ROW_(st, f, bool, SQ_T_BOOL, .def = d, .help = __VA_ARGS__)
#define SQ_INT(st, f, d, lo, hi, ...) \
	SQ_ROW_(st, f, int64_t, SQ_T_INT, .def = d, .min = lo, .max = hi, .help = __VA_ARGS__)
#define SQ_DURATION(st, f, d, lo, hi, ...) \
	SQ_ROW_(st, f, int64_t, SQ_T_DURATION, .def = d, .min = lo, .max = hi, .help = __VA_ARGS__)
#define SQ_SIZE(st, f, d, lo, hi, ...) \
	SQ_ROW_(st, f, int64_t, SQ_T_SIZE, .def = d, .min = lo, .max = hi, .help = __VA_ARGS__)
#define SQ_STRING(st, f, d, ...) SQ_ROW_(st, f, const char *, SQ_T_STRING, .def = d, .help = __VA_ARGS__)
#define SQ_STRING_REQ(st, f, ...) \
	SQ_ROW_(st, f, const char *, SQ_T_STRING, .flags = SQ_F_REQUIRED, .help = __VA_ARGS__)
#define SQ_PATH(st, f, d, ...) SQ_ROW_(st, f, const char *, SQ_T_PATH, .def = d, .help = __VA_ARGS__)
#define SQ_SECRET(st, f, ...) SQ_ROW_(st, f, const char *, SQ_T_SECRET, .help = __VA_ARGS__)
#define SQ_ENUM(st, f, d, c, ...) SQ_ROW_(st, f, int, SQ_T_ENUM, .def = d, .choices = c, .help = __VA_ARGS__)
#define SQ_LIST(st, f, d, ...) SQ_ROW_(st, f, const char *const *, SQ_T_LIST, .def = d, .help = __VA_ARGS__)
#define SQ_OPTS_END              \
	{                        \
		.type = SQ_T_END \
	}

#endif
