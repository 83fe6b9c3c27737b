/* figures.c - the books of a load and how the generator does, from the loop to who tells about them. */
#include "figures.h"

#include "output.h"

int figures_open(struct figures *f, const struct plan *plan)
{
	struct figures fresh = {.vitals.health = MACHINE_UNKNOWN};
	int r = accounts_init(&fresh.accounts, plan);

	if (r < 0)
		return r;
	r = snapshots_init(&fresh.snapshots, &fresh.accounts);
	if (r < 0) {
		accounts_free(&fresh.accounts);
		return r;
	}
	figures_close(f);
	*f = fresh;
	return 0;
}

void figures_close(struct figures *f)
{
	snapshots_fini(&f->snapshots);
	accounts_free(&f->accounts);
}

void figures_headline(struct figures *f, const struct plan *plan, const char *test_id)
{
	struct buf line = {0};

	progress_headline(plan, test_id, &line);
	output_try(line.data, line.len);
	buf_free(&line);
	f->progress.plan = plan;
}

void figures_take(struct figures *f, struct drive *d)
{
	struct report nobody;

	if (f->taken) /* no thread could be started for it */
		snapshots_add(&f->snapshots, &nobody);
	f->taken = true;
	f->measure = d != NULL;
	if (d)
		drive_vitals(d, &f->vitals);
	snapshots_take(&f->snapshots, &f->accounts);
}

void figures_add(struct figures *f, struct report *r)
{
	snapshots_add(&f->snapshots, r);
	f->taken = false;
	if (f->measure)
		vitals_measure(&f->vitals);
	r->elapsed = f->vitals.elapsed;
	r->health = f->vitals.health;
}

void figures_show(struct figures *f, const struct report *r, int64_t at)
{
	struct buf line = {0};

	if (!f->progress.plan || at <= f->progress.last_at)
		return;
	progress_line(&f->progress, r->books, at, &line);
	output_try(line.data, line.len);
	buf_free(&line);
}
