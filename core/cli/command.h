/* command.h - what each command does; all return the exit code. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "core/base/result_exit.h"
#include "options.h"

int command_run(const struct options *o);
int command_list(const struct options *o);
int command_show(const struct options *o);
int command_watch(const struct options *o);
int command_wait(const struct options *o);
int command_cancel(const struct options *o);
int command_report(const struct options *o);
int command_selftest(const struct options *o);

/* run --dry-run and --debug: nothing of the gateway's is needed. */
int dry_run(struct json_object *plan, bool json);
int debug_request(struct json_object *plan);

/* Runs the plan with a private daemon, showing nothing. 0: *ret_doc is its result, the caller's to put; else
 * what is wrong was printed, and this is the exit code. */
int run_quietly(struct json_object *plan, const struct options *o, struct json_object **ret_doc);

#endif
