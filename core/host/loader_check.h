/*
 * loader_check.h - can a plugin be believed? Reads data, runs nothing of it.
 */
#ifndef HOST_LOADER_CHECK_H
#define HOST_LOADER_CHECK_H

#include <squall/plugin.h>

/* Before the file is mapped: a whole shared object. -ENOEXEC with the reason in err. */
int loader_check_file(const char *path, struct sq_err *err);

/* desc and its vtable are the host's own copies. 0, or -EPROTO naming what is wrong in err. */
int loader_check(const struct sq_plugin *desc, struct sq_err *err);

#endif
