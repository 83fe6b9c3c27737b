/* say.h - errors and notes for people, on standard error. */
#ifndef CLI_SAY_H
#define CLI_SAY_H

#include <squall/util.h>

/* "squall: " and the text, made safe; on a terminal broken into lines of 80 columns. */
void say(const char *fmt, ...) SQ_PRINTF(1, 2);

#define SAY_ERRNO 64
/* The system's words for an error, as they go into a sentence: "connection refused". Returns out. */
char *say_errno(char out[SAY_ERRNO], int number);

#endif
