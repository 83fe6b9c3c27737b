/* test_metrics.c - the registry and its text. */
#include "core/host/metrics.h"

#include "tests/failmalloc.h"
#include "tests/tap.h"

static void test_cells(void)
{
	int64_t *a = metrics_counter("hits_total", "Hits.");

	*a += 3;
	ok(metrics_counter("hits_total", "Hits.") == a, "the same name is the same cell");
	ok(metrics_gauge("depth", "Depth.") != a, "another name is another one");
	ok(metrics_counter("hits_total{code=\"200\"}", "Hits.") != a, "other labels, too");
	ok(*a == 3, "cells stay where they are while others are made");
}

static void test_text(void)
{
	static const char want[] = "# HELP squall_depth Two\\nlines and a \\\\.\n"
	                           "# TYPE squall_depth gauge\n"
	                           "squall_depth -5\n"
	                           "# HELP squall_http_total Requests.\n"
	                           "# TYPE squall_http_total counter\n"
	                           "squall_http_total{code=\"200\"} 9223372036854775807\n"
	                           "squall_http_total{code=\"404\"} 1\n"
	                           "# HELP squall_http_total_bytes Bytes.\n"
	                           "# TYPE squall_http_total_bytes counter\n"
	                           "squall_http_total_bytes 0\n";
	struct buf out = {0};

	metrics_free();
	metrics_print(&out);
	is_int(out.len, 0, "nothing registered, nothing printed");
	*metrics_counter("http_total{code=\"404\"}", "Requests.") = 1;
	metrics_counter("http_total_bytes", "Bytes.");
	*metrics_counter("http_total{code=\"200\"}", "Requests.") = INT64_MAX;
	*metrics_gauge("depth", "Two\nlines and a \\.") = -5;
	metrics_print(&out);
	is_str(out.data, want, "by name, each family in one piece with one head");
	buf_free(&out);
	metrics_free();
}

static bool print_all(void)
{
	struct buf out = {0};
	char name[32] = "x_";
	bool good = true;

	for (char c = 'a'; c <= 'z'; c++) {
		name[2] = c;
		good = metrics_counter(name, "help") != NULL && good;
	}
	metrics_print(&out);
	buf_free(&out);
	metrics_free();
	return good;
}

static void test_no_memory(void)
{
	unsigned bad = 0;

	for (unsigned n = 1;; n++) {
		failmalloc_after(n);
		bad += !print_all();
		if (!failmalloc_stop())
			break;
	}
	is_int(bad, 0, "without memory there is still a cell to add to");
}

int main(void)
{
	test_cells();
	test_text();
	test_no_memory();
	return tap_done();
}
