/*
 * log.h - one line per event on standard error, logfmt or JSON. Loop thread only.
 */
#ifndef HOST_LOG_H
#define HOST_LOG_H

#include <stdarg.h>

#include <squall/log.h>

void log_setup(enum sq_level level, int json); /* default: info, logfmt */

/* component: "host", "target", ... Control characters in values and text are replaced. */
void log_event(const char *component, enum sq_level level, const struct sq_kv *kv, const char *fmt, ...)
    SQ_PRINTF(4, 5);
void log_vevent(const char *component, enum sq_level level, const struct sq_kv *kv, const char *fmt,
                va_list ap) SQ_PRINTF(4, 0);

#endif
