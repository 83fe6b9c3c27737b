/*
 * replay.c - runs a fuzz target over its committed corpus, so that what a fuzzer once found stays
 * found. The corpus is tests/fuzz/corpus/<name> for a program called fuzz_<name>.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdlib.h>

#include "tests/tap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t size = 0, got;

	if (!f)
		return false;
	do {
		data = realloc(data, size + 65536);
		if (!data)
			abort();
		got = fread(data + size, 1, 65536, f);
		size += got;
	} while (got > 0);
	fclose(f);
	/* An exact-size copy, so that a read beyond the end is seen by the address sanitizer. */
	uint8_t *exact = malloc(size ? size : 1);
	if (!exact)
		abort();
	memcpy(exact, data, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	free(data);
	return true;
}

int main(int argc, char **argv)
{
	const char *src = getenv("top_srcdir"), *name = strstr(argv[0], "fuzz_");
	char dir[4096], path[8192];
	unsigned files = 0;
	struct dirent *e;
	DIR *d;

	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			ok(run_file(argv[i]), "%s", argv[i]);
		return tap_done();
	}
	for (const char *next = name; next && (next = strstr(next + 1, "fuzz_"));)
		name = next;
	snprintf(dir, sizeof dir, "%s/tests/fuzz/corpus/%s", src ? src : ".", name ? name + 5 : "");
	d = opendir(dir);
	while (d && (e = readdir(d))) {
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (e->d_name[0] != '.')
			files += run_file(path);
	}
	if (d)
		closedir(d);
	ok(files > 0, "replayed the corpus %s", name ? name + 5 : dir);
	printf("# %u inputs\n", files);
	return tap_done();
}
