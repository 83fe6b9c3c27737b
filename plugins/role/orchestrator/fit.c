/* fit.c - whether one more test fits beside those that run here, by the limits in total. */
#include <string.h>

#include "run.h"

static struct demand demand_of(const struct orchestrator *o)
{
	struct demand d = o->arriving;

	for (const struct link *l = o->runs.next; l != &o->runs; l = l->next) {
		const struct run *r = sq_container(l, const struct run, link);

		if (r->counted)
			demand_add(&d, plan_peak_rate(r->plan), r->plan->workers);
	}
	return d;
}

/* Only its end is to be written. */
static bool is_over(const struct test_record *r, int64_t now)
{
	return r->cancel.set || now >= r->deadline_at || (r->presence.set && now >= r->presence.until);
}

bool fit_begin(struct orchestrator *o, const struct sq_record *rec, int64_t now, struct place *p)
{
	struct demand others = demand_of(o);
	struct test_record record;
	bool fits;

	*p = (struct place){.counted = false};
	if (strcmp(rec->state, lifecycle_word(T_QUEUED)) != 0 || record_read(rec->body, &record, NULL) < 0)
		return true; /* what cannot be read is for who owns it to say */
	record_demand(&record, &p->rate, &p->workers);
	fits = others.tests == 0 || /* alone it is refused, if it is too much */
	       is_over(&record, now) || limits_fit(&o->limits, &others, p->rate, p->workers, NULL);
	record_free(&record);
	if (fits)
		demand_add(&o->arriving, p->rate, p->workers);
	p->counted = fits;
	return fits;
}

void fit_end(struct orchestrator *o, struct place *p)
{
	if (p->counted)
		demand_remove(&o->arriving, p->rate, p->workers);
	p->counted = false;
}
