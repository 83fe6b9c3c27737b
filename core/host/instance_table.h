/* instance_table.h - the host table of one instance; instance.c only. */
#ifndef HOST_INSTANCE_TABLE_H
#define HOST_INSTANCE_TABLE_H

#include "instance.h"

void instance_table_init(struct instance *i); /* all but the other plugins' interfaces */
void instance_table_link(struct instance *i); /* roles: those too, as far as they are created */

#endif
