/*
 * secret.h - what "env:NAME" and "file:/path" in a .conf stand for. Any thread; a file may block.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <squall/util.h>

/* The value of the variable, or the text of the file without its last line end: never empty. *ret is the
 * caller's, to be given to secret_free(). 0, or a negative errno with the reason, which holds nothing of it. */
int secret_read(const char *source, char **ret, struct sq_err *err);
void secret_free(char *secret); /* leaves nothing of it in memory; NULL is fine */

#endif
