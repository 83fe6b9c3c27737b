/*
 * output.h - standard output of a load generator: a reader that sleeps must not stop the load.
 */
#ifndef WORKER_OUTPUT_H
#define WORKER_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

bool output_is_terminal(void); /* and colour is wanted (NO_COLOR is not set) */
void output_try(const char *data, size_t len); /* leaves it out when it would have to wait */
/* All of it, however long it takes; 0 or negative errno. */
int output_write(const char *data, size_t len);

#endif
