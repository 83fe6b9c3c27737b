/*
 * host.h - the life of the process, from a checked configuration to its exit code.
 *
 * Everything is bound first; then store, transport, scheduler and roles are created and started in
 * this order. SIGTERM, SIGINT, the end of the life-line, host->stop() and a failed start all end in
 * the same orderly stop: not ready, drain in reverse order, destroy in reverse order. A second
 * signal, half a second later or more, ends the process by its default action.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "conf.h"

/* Exit codes of squalld; a role may ask for others by host->stop(). */
enum {
	EXIT_START = 1, /* could not start */
	EXIT_CONF = 2, /* command line or configuration */
	EXIT_GRACE = 3, /* did not stop within the grace period */
};

/* lifeline: a descriptor whose end of file asks for an orderly stop, or -1. Returns the exit code.
 * After EXIT_GRACE threads and plugins may still be at work: leave by _exit(). */
int host_run(const struct conf *conf, int lifeline);

#endif
