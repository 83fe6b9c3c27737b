/*
 * hist_tool.c - our histogram for tests that compare it with other implementations. One command a
 * line on standard input; each answer ends with a line "end".
 *
 *     write KIND VALUE*COUNT,...   -> blob BASE64
 *     read BASE64                  -> count N, pNN V, ..., max V, cell LOWEST N, ... or error TEXT
 *     hgrm BASE64                  -> the percentile spectrum in ms
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hist.h"

static void write_blob(struct hist *h, char *values)
{
	struct buf blob = {0};
	char *rest = NULL;

	for (char *v = values ? strtok_r(values, ",", &rest) : NULL; v; v = strtok_r(NULL, ",", &rest)) {
		long long value = strtoll(v, &v, 10), count = *v == '*' ? strtoll(v + 1, NULL, 10) : 1;

		while (count-- > 0)
			hist_add(h, value);
	}
	if (hist_encode(h, &blob) == 0)
		printf("blob %s\n", blob.data);
	buf_free(&blob);
}

static void describe(const struct hist *h)
{
	static const double percents[] = {0.1, 25, 50, 75, 90, 95, 99, 99.9, 99.99};

	printf("count %llu\n", (unsigned long long)h->count);
	for (size_t i = 0; i < SQ_LEN(percents); i++)
		printf("p%g %lld\n", percents[i], (long long)hist_percentile(h, percents[i]));
	printf("max %lld\nmean %.3f\n", (long long)h->max, hist_mean(h));
	for (uint32_t i = h->low; i <= h->high; i++)
		if (h->cells[i])
			printf("cell %lld %llu\n", (long long)hist_cell_low(i),
			       (unsigned long long)h->cells[i]);
}

static void run(struct hist *h, char *line)
{
	char *rest = NULL, *command = strtok_r(line, " \n", &rest), *word = strtok_r(NULL, " \n", &rest);
	struct sq_err err = {0};
	struct buf out = {0};

	hist_reset(h);
	if (!command || !word) {
		printf("error no command\n");
	} else if (strcmp(command, "write") == 0) {
		write_blob(h, strtok_r(NULL, " \n", &rest));
	} else if (hist_decode(h, word, strlen(word), &err) < 0) {
		printf("error %s\n", err.text);
	} else if (strcmp(command, "read") == 0) {
		describe(h);
	} else {
		hist_hgrm(h, SQ_MS, &out);
		fputs(out.data, stdout);
		buf_free(&out);
	}
	puts("end");
	fflush(stdout);
}

int main(void)
{
	struct hist *h = hist_new();
	char *line = NULL;
	size_t size = 0;

	while (h && getline(&line, &size, stdin) > 0)
		run(h, line);
	free(line);
	hist_free(h);
	return 0;
}
