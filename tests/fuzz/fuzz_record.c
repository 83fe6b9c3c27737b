/* fuzz_record.c - any text as a record: refused with a reason, or what is written reads back equal. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/common/record_doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, so that the fuzzer keeps the input. */
static void must(bool good)
{
	if (!good)
		abort();
}

static void check_round_trip(const struct test_record *r)
{
	struct buf first = {0}, second = {0};
	struct test_record again;

	record_write(r, &first);
	must(record_read((struct sq_slice){first.data, first.len}, &again, NULL) == 0);
	record_write(&again, &second);
	must(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	record_free(&again);
	buf_free(&first);
	buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct test_record r;
	struct sq_err err = {0};
	struct json_object *o;

	if (record_read((struct sq_slice){(const char *)data, size}, &r, &err) < 0) {
		must(err.code < 0 && err.text[0]);
		return 0;
	}
	check_round_trip(&r);
	o = record_answer(&r);
	must(o && !json_object_object_get_ex(o, "token_sha256", NULL));
	json_object_put(o);
	o = record_summary(&r);
	must(o != NULL);
	json_object_put(o);
	record_free(&r);
	return 0;
}
