/* fuzz_threshold.c - any text as a threshold: it is refused in one line, or is one that can be judged, and
 * that its own expression gives again. */
#include <stdlib.h>
#include <string.h>

#include "plugins/common/threshold.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, so that the fuzzer keeps the input. */
static void must(bool good)
{
	if (!good)
		abort();
}

static void check(const struct threshold *t)
{
	static const struct threshold_counts counts = {
	    .ok = 990, .failed = 10, .unknown = 3, .sent = 1000, .ended = 1001, .timeouts = 1};
	static struct hist *h;
	struct threshold_finding f;
	struct threshold again;

	if (!h) {
		h = hist_new();
		for (int i = 0; i < 1000; i++)
			hist_add(h, i * SQ_MS);
		hist_add_censored(h, SQ_S);
	}
	must(t->limit >= 0 && t->percent >= 0 && t->percent <= 100);
	must(threshold_parse(&again, threshold_metric_name(t), strlen(threshold_metric_name(t)),
	                     t->expression, NULL) == 0);
	must(again.metric == t->metric && again.aggregate == t->aggregate && again.op == t->op &&
	     again.percent == t->percent && again.limit == t->limit);
	threshold_judge(t, &(struct threshold_data){counts, threshold_hist(t) < 0 ? NULL : h, SQ_S, SQ_S},
	                &f);
	must(f.measured && (f.state == THRESHOLD_UNDECIDED) == (*f.why != '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);
	struct threshold t;
	struct sq_err err;

	memcpy(line, data, size);
	line[size] = '\0';
	if (threshold_parse_line(&t, line, &err) == 0)
		check(&t);
	else
		must(*err.text && !strchr(err.text, '\n'));
	free(line);
	return 0;
}
