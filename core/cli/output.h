/* output.h - what a command leaves behind: text or JSON on standard output, and files. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "options.h"
#include "source.h"

/* Whether every -o can be written as its ending says. Prints what is wrong. An exit code, or 0. */
int output_check(const struct options *o);

/* The document (--json) or the result as text; then the files of -o. An exit code, or 0. */
int output_result(const struct options *o, struct source *s);
int output_files(const struct options *o, struct source *s);

/* A document alone on standard output. */
int output_json(struct json_object *doc);
/* Text on standard output. */
void output_text(const struct buf *text);
bool output_colored(void);
const char *output_dot(void); /* between two things on a line */
int64_t output_now(void); /* Unix ms */

#endif
