/* fuzz_report.c - any text as a report, a registration or an answer: it is refused with a reason, or what
 * is written of it reads back and is written the same. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "plugins/common/control.h"
#include "plugins/common/merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, so that the fuzzer keeps the input. */
static void must(bool good)
{
	if (!good)
		abort();
}

static struct sq_slice slice(const struct buf *b)
{
	return (struct sq_slice){b->data, b->len};
}

static void try_report(struct sq_slice text)
{
	struct buf once = {0}, twice = {0};
	struct report r = {0}, again = {0};
	struct merger *m;
	struct sq_err err = {0};

	if (report_read(text, &r, &err) < 0) {
		must(err.text[0] && !r.books);
		return;
	}
	must(report_write(&r, &once) == 0 && report_read(slice(&once), &again, &err) == 0);
	must(report_write(&again, &twice) == 0 && strcmp(once.data, twice.data) == 0);
	m = merger_new();
	must(merger_take(m, &r) == 1 && merger_take(m, &again) == 0);
	must(hist_equal(merger_books(m)->hist[H_RESPONSE], r.books->hist[H_RESPONSE]));
	merger_free(m);
	report_free(&r);
	report_free(&again);
	buf_free(&once);
	buf_free(&twice);
}

static void try_registration(struct sq_slice text)
{
	struct registration r, again;
	struct buf once = {0};
	struct sq_err err = {0};

	if (control_read_registration(text, &r, &err) < 0) {
		must(err.text[0]);
		return;
	}
	must(strlen(r.uid) <= CONTROL_UID_MAX && r.files >= 0);
	must(control_write_registration(&r, &once) == 0);
	must(control_read_registration(slice(&once), &again, &err) == 0 && strcmp(r.uid, again.uid) == 0);
	buf_free(&once);
}

static void try_answer(struct sq_slice text)
{
	struct buf once = {0}, twice = {0};
	struct answer a = {0}, again = {0};
	struct sq_err err = {0};

	if (control_read_answer(text, &a, &err) < 0) {
		must(err.text[0] && !a.plan && !a.directive.slots.from);
		return;
	}
	must(control_write_answer(&a, &once) == 0 && control_read_answer(slice(&once), &again, &err) == 0);
	must(control_write_answer(&again, &twice) == 0 && strcmp(once.data, twice.data) == 0);
	answer_free(&a);
	answer_free(&again);
	buf_free(&once);
	buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sq_slice text = {(const char *)data, size};

	try_report(text);
	try_registration(text);
	try_answer(text);
	return 0;
}
