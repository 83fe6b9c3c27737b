/*
 * probe.h - squalld -t --connect: whether what the .conf names is there and lets us in.
 *
 * Each plugin is created, asked by its probe(), and destroyed; nothing is started or changed. One line each
 * on out, in the order of a start: name, ok or FAILED, time, and what was reached, or what is wrong and the
 * cure.
 */
#ifndef HOST_PROBE_H
#define HOST_PROBE_H

#include <stdio.h>

#include "conf.h"

/* An exit code: 0 when all is well, EXIT_START else, EXIT_GRACE when something hangs: leave by _exit() then.
 */
int host_probe(const struct conf *conf, FILE *out);

#endif
