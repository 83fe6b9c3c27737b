/*
 * options.h - the command line of squall.
 *
 * Every option is one row of a table. Parsing, --help and the man page are made of it; the rows of
 * a plan also know how they write their field. What other tools call by another name stands in a table of
 * refusals with the line that is said about it; what a later version will have, in later.h.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <squall/util.h>

struct json_object;
struct options;

/* Commands, as bits of struct option_row.commands. */
enum {
	C_RUN = 1 << 0,
	C_LIST = 1 << 1,
	C_SHOW = 1 << 2,
	C_WATCH = 1 << 3,
	C_CANCEL = 1 << 4,
	C_WAIT = 1 << 5,
	C_REPORT = 1 << 6,
	C_SELFTEST = 1 << 7,
	C_ANY = (1 << 8) - 1,
};

struct command {
	const char *name;
	unsigned bit;
	const char *operand; /* its name in usage lines; NULL: takes none */
	bool needs_operand;
	const char *summary;
	const char *details; /* for --help and the man page: sentences */
	int (*run)(const struct options *o); /* returns the exit code */
};
extern const struct command commands[]; /* closed by a row without name */
const struct command *command_find(const char *name);

enum option_kind {
	OPTION_FLAG, /* bool at off */
	OPTION_TEXT, /* const char * at off; the last one given counts */
	OPTION_FIELD, /* kept for put, which writes a member of the plan */
	OPTION_OUTPUT, /* kept in outputs */
	OPTION_HELP,
	OPTION_VERSION,
};

struct option_row {
	char letter; /* 0: none */
	const char *name; /* without dashes; NULL: none */
	const char *arg; /* name of its value; NULL: takes none */
	unsigned commands;
	enum option_kind kind;
	const char *help; /* NULL: another spelling, not shown */
	size_t off; /* in struct options */
	const char *field; /* of the plan */
	/* Writes value (NULL when the row takes none) into the plan. 0, or a negative errno with the reason,
	 * which begins with the option as it was spelled. */
	int (*put)(struct json_object *plan, const struct option_row *row, const char *value,
	           struct sq_err *err);
};
extern const struct option_row option_rows[]; /* in the order of --help, closed by a row of zeroes */

struct option_refusal {
	const char *spelling; /* "-t", "--vus", "-rate" */
	const char *text;
};
extern const struct option_refusal option_refusals[]; /* of squall run; closed by NULL */

struct option_given {
	const struct option_row *row;
	const char *value;
};

enum parsed { PARSED_RUN, PARSED_HELP, PARSED_VERSION };

struct options {
	const struct command *command;
	const char *operand; /* NULL: none given */
	const char *gateway, *key_file, *plan_file;
	bool json, detach, dry_run, debug, strict, allow_invalid;
	struct option_given *fields; /* in the order given */
	size_t field_count;
	const char **outputs;
	size_t output_count;
};

/* argv: behind the command's name, which is in out->command. Strings stay those of argv. On success
 * free with options_free. 0, -EINVAL with the reason, or -ENOMEM. */
int options_parse(struct options *out, int argc, char *const argv[], enum parsed *ret, struct sq_err *err);
void options_free(struct options *o);

/* "-r" or "--timeout": how a message names the row; the value below is a static string. */
const char *option_spelling(const struct option_row *row, char out[32]);
/* The option that writes this field of a plan, or NULL. */
const struct option_row *option_of_field(const char *field);

void options_usage(FILE *out); /* squall --help */
void options_help(const struct command *c, FILE *out); /* squall run --help */
void options_roff(FILE *out); /* COMMANDS and OPTIONS of squall.1 */

#endif
