/*
 * loader_check.h - is a descriptor whole? Reads its data, runs nothing of it.
 */
#ifndef HOST_LOADER_CHECK_H
#define HOST_LOADER_CHECK_H

#include <squall/plugin.h>

/* desc and its vtable are the host's own copies. 0, or -EPROTO naming what is wrong in err. */
int loader_check(const struct sq_plugin *desc, struct sq_err *err);

#endif
