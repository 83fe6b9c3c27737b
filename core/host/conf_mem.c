/* conf_mem.c - memory of one configuration, freed at once; and how its problems are told. */
#include "conf_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct conf_block {
	struct conf_block *next;
	size_t size;
	_Alignas(max_align_t) char data[];
};

void *conf_alloc(struct conf_mem *m, size_t size)
{
	struct conf_block *b = calloc(1, sizeof *b + size);

	if (!b) {
		m->failed = true;
		return NULL;
	}
	b->size = size;
	b->next = m->blocks;
	m->blocks = b;
	return b->data;
}

char *conf_strdup(struct conf_mem *m, const char *s)
{
	size_t size = strlen(s) + 1;
	char *copy = conf_alloc(m, size);

	return copy ? memcpy(copy, s, size) : NULL;
}

char *conf_printf(struct conf_mem *m, const char *fmt, ...)
{
	va_list ap, again;
	char *s;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	s = n < 0 ? NULL : conf_alloc(m, (size_t)n + 1);
	if (s)
		vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	return s;
}

/* Resolved secrets are among the blocks: nothing is left behind in freed memory. */
void conf_mem_free(struct conf_mem *m)
{
	struct conf_block *b;

	while ((b = m->blocks)) {
		m->blocks = b->next;
		explicit_bzero(b->data, b->size);
		free(b);
	}
}

static void SQ_PRINTF(4, 0)
    tell(FILE *out, struct conf_place at, const char *grade, const char *fmt, va_list ap)
{
	if (at.line)
		fprintf(out, "%s:%u: %s", at.file, at.line, grade);
	else
		fprintf(out, "%s: %s", at.file ? at.file : "default", grade);
	vfprintf(out, fmt, ap);
	fputc('\n', out);
}

void conf_error(struct conf_report *rep, struct conf_place at, const char *fmt, ...)
{
	va_list ap;

	rep->errors++;
	va_start(ap, fmt);
	tell(rep->out, at, "", fmt, ap);
	va_end(ap);
}

void conf_warn(struct conf_report *rep, struct conf_place at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(rep->out, at, "warning: ", fmt, ap);
	va_end(ap);
}

int conf_verdict(const struct conf_report *rep, const char *file)
{
	if (rep->errors == 0)
		return 0;
	fprintf(rep->out, "%s: %u error%s, nothing started\n", file, rep->errors,
	        rep->errors == 1 ? "" : "s");
	return -EINVAL;
}
