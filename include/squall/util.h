/*
 * util.h - the few inline helpers that every part of squall shares.
 */
#ifndef SQUALL_UTIL_H
#define SQUALL_UTIL_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* All durations and points in time are nanoseconds in int64_t unless a name says otherwise. */
#define SQ_US 1000LL
#define SQ_MS 1000000LL
#define SQ_S 1000000000LL

/* From a pointer to a member to the object that embeds it. */
#define sq_container(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define SQ_LEN(array) (sizeof(array) / sizeof *(array))

#define SQ_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* A run of bytes that somebody else owns; not closed by a NUL. data may be NULL when len is 0. */
struct sq_slice {
	const char *data;
	size_t len;
};

/*
 * Why something was refused, for a person. Lives on the caller's stack, so error paths
 * allocate nothing. text says what happened, where, and what to do; one line, no full stop.
 */
struct sq_err {
	int code; /* the negative value that the function also returned */
	char text[480];
};

/* Fills err (which may be NULL) and returns code, so that a refusal is one statement. */
static inline int SQ_PRINTF(3, 4) sq_fail(struct sq_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (err) {
		err->code = code;
		va_start(ap, fmt);
		vsnprintf(err->text, sizeof err->text, fmt, ap);
		va_end(ap);
	}
	return code;
}

#endif
