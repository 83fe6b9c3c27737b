/* daemon_find.h - where squalld and its plugins are. */
#ifndef CLI_DAEMON_FIND_H
#define CLI_DAEMON_FIND_H

#include <limits.h>

/*
 * program: $SQUALLD; else squalld in the folder of squall itself, or in ../sbin; else the name alone,
 * for PATH. plugins: "" where squalld finds them by itself (installed, or SQUALL_PLUGIN_DIR), else
 * those of a build tree or of a tree that was moved.
 */
void daemon_find(char program[PATH_MAX], char plugins[PATH_MAX]);

#endif
