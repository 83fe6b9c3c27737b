/* state_dir.h - the folder that outlives the process. */
#ifndef HOST_STATE_DIR_H
#define HOST_STATE_DIR_H

#include <squall/util.h>

/* Makes dir (mode 0700) when it is missing and tries whether files can be written there. */
int state_dir_open(const char *dir, struct sq_err *err);

#endif
