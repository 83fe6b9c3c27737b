/*
 * loader.h - from a path to a descriptor that can be believed.
 */
#ifndef HOST_LOADER_H
#define HOST_LOADER_H

#include <squall/plugin.h>

/*
 * Opens <kind>_<name>.so from the first folder of dirs (separated by ':') that has it and checks
 * its descriptor: magic, ABI, size, kind, name, completeness of life and vtable. No code of the
 * plugin runs. The shared object stays mapped until exit (RTLD_NODELETE). *ret is the host's own
 * copy with zeroes for fields that an older plugin lacks, valid until exit.
 * (The copies stand on the one list that the loader keeps; the same plugin gives the same copy.)
 * -ENOENT: no such file; -ENOEXEC: not one of ours; -EPROTO: ours, and unusable; the cure in err.
 */
int loader_open(const char *dirs, enum sq_kind kind, const char *name, const struct sq_plugin **ret,
                struct sq_err *err);

/* The names of the installed plugins of a kind, for "did you mean" and --describe; closed by NULL,
 * freed with loader_names_free. NULL without memory. */
char **loader_names(const char *dirs, enum sq_kind kind);
void loader_names_free(char **names);

const char *loader_kind_word(enum sq_kind kind); /* "store", "transport", "scheduler", "role" */

#endif
