/* attend.h - stays with a test, showing it, until its document says how it ended. */
#ifndef CLI_ATTEND_H
#define CLI_ATTEND_H

#include "follow.h"
#include "options.h"
#include "source.h"

/* s: found. Live on standard output, with --json on standard error; shown = false: silently. 0 when
 * the test is over and s->doc says how; else what is wrong is printed, and this is the exit code. */
int attend(struct source *s, const struct options *o, const struct follow_how *how, bool shown);

#endif
