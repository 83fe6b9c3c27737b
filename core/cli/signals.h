/*
 * signals.h - SIGINT, SIGTERM and SIGHUP ask squall to end in order; a second one kills it.
 *
 * Signals belong to the process, and so does the state kept here.
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>

int signals_catch(void); /* from here on; 0 or a negative errno */
int signals_fd(void); /* readable when one came; -1 before signals_catch */
int signals_taken(void); /* empties the descriptor; the number of the first signal, 0 = none so far */
bool signals_resized(void); /* the terminal changed its size since this was last asked */

#endif
