/* own_url.h - where others reach a listener that is bound to all addresses. */
#ifndef HOST_OWN_URL_H
#define HOST_OWN_URL_H

#include "http_listen.h"

/* "http://0.0.0.0:8000" and "http://[::]:8000" become URLs with an address of this machine: the one in the
 * variable POD_IP, else the one that its packets into the world carry, else loopback. Any other URL is
 * copied. */
void own_url(const char *bound, char out[HTTP_URL_MAX]);

#endif
