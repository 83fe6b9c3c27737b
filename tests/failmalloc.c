/* failmalloc.c - counts allocations through the linker's --wrap and fails the chosen one. */
#include <errno.h>
#include <stddef.h>

#include "failmalloc.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

static unsigned countdown;
static bool failed;

bool failmalloc_now(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

void failmalloc_after(unsigned n)
{
	countdown = n;
	failed = false;
}

bool failmalloc_stop(void)
{
	countdown = 0;
	return failed;
}

void *__wrap_malloc(size_t n)
{
	return failmalloc_now() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return failmalloc_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return failmalloc_now() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
	return failmalloc_now() ? NULL : __real_strdup(s);
}
