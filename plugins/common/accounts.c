/* accounts.c - the books of a load, one for each of its parts. */
#include "accounts.h"

#include <errno.h>
#include <stdlib.h>

#include "plan.h"

int accounts_init(struct accounts *a, const struct plan *plan)
{
	uint32_t count = plan->request_count + 1;

	*a = (struct accounts){.load = calloc(count, sizeof *a->load)};
	if (!a->load)
		return -ENOMEM;
	for (; a->count < count; a->count++) {
		a->load[a->count] = books_new(0);
		if (!a->load[a->count])
			break;
	}
	if (plan->warmup > 0)
		a->warmup = books_new(0);
	if (a->count == count && (a->warmup || plan->warmup == 0)) {
		a->common = a->load[count - 1];
		return 0;
	}
	accounts_free(a);
	return -ENOMEM;
}

void accounts_free(struct accounts *a)
{
	for (uint32_t i = 0; i < a->count; i++)
		books_free(a->load[i]);
	free(a->load);
	books_free(a->warmup);
	*a = (struct accounts){0};
}

void accounts_begin(struct accounts *a, int64_t t0, int64_t warmup)
{
	for (uint32_t i = 0; i < a->count; i++)
		a->load[i]->t0 = t0 + warmup;
	if (a->warmup)
		a->warmup->t0 = t0;
}

int64_t accounts_last_sent(const struct accounts *a)
{
	int64_t last = 0;

	for (uint32_t i = 0; i < a->count; i++)
		last = a->load[i]->last_sent > last ? a->load[i]->last_sent : last;
	return last;
}
