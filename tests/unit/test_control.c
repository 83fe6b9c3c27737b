/* test_control.c - registrations and answers: there and back, refusals, and without memory. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "plugins/common/control.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct registration sample = {
    .uid = "5b1f0c9e-2f0e-4a55-9d52-0d6f6b3a7c11",
    .name = "7f3k-1",
    .plan_sha256 = HASH,
    .version = "1.0.0",
    .wall = 1764000000123456789,
    .files = 1048576,
    .cpus = 2000,
};

static struct answer sample_answer(void)
{
	struct answer a = {.plan = json_object_new_object(), .plan_sha256 = HASH};
	struct directive *d = &a.directive;

	json_object_object_add(a.plan, "hits_per_sec", json_object_new_int(500));
	*d = (struct directive){
	    .epoch = 2,
	    .fence = 3,
	    .state = DIRECTIVE_ARM,
	    .t0 = 1764000002123456789,
	    .now = 1764000000123456789,
	    .until_tick = 15000,
	    .poll = 100 * SQ_MS,
	    .stored = 4,
	};
	slots_init(&d->slots, 3);
	slots_deal(&d->slots, 1, 3);
	d->slots.from[0] = 777;
	return a;
}

static struct sq_slice slice(const struct buf *b)
{
	return (struct sq_slice){b->data, b->len};
}

static void test_registration(void)
{
	struct registration back;
	struct buf text = {0};
	struct sq_err err;

	ok(control_write_registration(&sample, &text) == 0, "a registration is written");
	ok(control_read_registration(slice(&text), &back, &err) == 0, "and read");
	ok(strcmp(back.uid, sample.uid) == 0 && strcmp(back.name, sample.name) == 0 &&
	       strcmp(back.plan_sha256, HASH) == 0 && strcmp(back.version, "1.0.0") == 0 &&
	       back.wall == sample.wall && back.files == sample.files && back.cpus == sample.cpus,
	   "nothing is lost");
	buf_free(&text);
}

static void test_answer(void)
{
	struct answer a = sample_answer(), back = {0};
	const struct directive *d = &a.directive, *e = &back.directive;
	struct buf text = {0};
	struct sq_err err;

	ok(control_write_answer(&a, &text) == 0, "an answer is written");
	ok(control_read_answer(slice(&text), &back, &err) == 0, "and read");
	ok(e->epoch == 2 && e->fence == 3 && e->state == DIRECTIVE_ARM && e->t0 == d->t0 &&
	       e->now == d->now && e->until_tick == 15000 && e->poll == 100 * SQ_MS && e->stored == 4,
	   "the directive");
	ok(e->slots.count == 180 && memcmp(e->slots.from, d->slots.from, 180 * sizeof(uint64_t)) == 0,
	   "every slot from its tick");
	ok(json_object_equal(a.plan, back.plan) && strcmp(back.plan_sha256, HASH) == 0, "the plan");
	answer_free(&back);
	json_object_put(a.plan);
	a.plan = NULL;
	slots_free(&a.directive.slots);
	buf_reset(&text);
	ok(control_write_answer(&a, &text) == 0 && control_read_answer(slice(&text), &back, &err) == 0 &&
	       !back.plan && !*back.plan_sha256 && back.directive.slots.count == 0,
	   "a report's answer has no plan, and slots only when they are told");
	answer_free(&back);
	answer_free(&a);
	buf_free(&text);
}

/* The text with one place changed. */
static struct buf changed(struct buf *text, const char *from, const char *to)
{
	struct buf bad = {0};
	const char *at = strstr(text->data, from);

	if (!at)
		printf("# no %s in %s\n", from, text->data);
	buf_add(&bad, text->data, at ? (size_t)(at - text->data) : 0);
	buf_str(&bad, to);
	buf_str(&bad, at ? at + strlen(from) : "");
	buf_free(text);
	return bad;
}

static void judge(int r, const struct sq_err *err, const char *why)
{
	ok((r == -EINVAL || r == -EBADMSG) && strstr(err->text, why), "refused: %s", why);
	if (!strstr(err->text, why))
		printf("# it says: %s\n", err->text);
}

static void registration_refused(const char *from, const char *to, const char *why)
{
	struct buf text = {0}, bad;
	struct registration back;
	struct sq_err err = {0};

	control_write_registration(&sample, &text);
	bad = changed(&text, from, to);
	judge(control_read_registration(slice(&bad), &back, &err), &err, why);
	buf_free(&bad);
}

static void answer_refused(const char *from, const char *to, const char *why)
{
	struct answer a = sample_answer(), back = {0};
	struct buf text = {0}, bad;
	struct sq_err err = {0};

	control_write_answer(&a, &text);
	bad = changed(&text, from, to);
	judge(control_read_answer(slice(&bad), &back, &err), &err, why);
	ok(!back.plan && !back.directive.slots.from, "and nothing is given");
	answer_free(&a);
	buf_free(&bad);
}

static void test_refusals(void)
{
	registration_refused("\"format\":1", "\"format\":2", "registration.format is outside 1 .. 1");
	registration_refused(sample.uid, "", "registration.uid is empty");
	registration_refused(sample.uid, "../../x", "registration.uid has characters");
	registration_refused("\"" HASH "\"", "\"abc\"", "registration.plan_sha256 is not a SHA-256");
	registration_refused("\"name\":\"7f3k-1\",", "", "registration.name is missing");
	registration_refused("\"files\":1048576", "\"files\":-1", "registration.limits.files is outside");
	registration_refused("\"files\":", "\"flies\":", "registration.limits.files is missing");
	registration_refused("\"clock\":{", "\"clock\":{\"x\":1,", "registration.clock has a member");
	registration_refused("\"limits\":{\"files\":1048576,\"cpus\":2000}", "\"limits\":3",
	                     "registration.limits is not an object");
	registration_refused("}}", "}", "");

	answer_refused("\"directive\":{", "\"directiv\":{", "answer.directive is missing");
	answer_refused("\"plan_sha256\":\"" HASH "\"", "\"plan_sha256\":\"\"", "answer.plan_sha256 is empty");
	answer_refused("\"state\":\"arm\"", "\"state\":\"fly\"", "directive.state is not a word");
	answer_refused("\"t0_unix_ns\":1764000002123456789", "\"t0_unix_ns\":0", "directive.t0_unix_ns is 0");
	answer_refused("\"poll_ms\":100", "\"poll_ms\":0", "directive.poll_ms is outside");
	answer_refused("\"count\":180", "\"count\":181", "directive.slots.count is not a multiple");
	answer_refused("\"count\":180", "\"count\":0", "directive.slots.count is not a multiple");
	answer_refused("\"count\":180", "\"count\":60", "is not a slot of its own");
	answer_refused("\"count\":180", "\"count\":999999960", "directive.slots.count is outside");
	answer_refused("[[0,777],", "[[1,777],", "entry 1 is not a slot of its own");
	answer_refused("[[0,777],", "[[-1,777],", "entry 0 is not a slot of its own");
	answer_refused("[[0,777],", "[[0,-7],", "entry 0 is not a slot of its own");
	answer_refused("[[0,777],", "[[0],", "entry 0 is not a slot of its own");
	answer_refused("[[0,777],", "[7,", "entry 0 is not a slot of its own");
	answer_refused("\"stored\":4", "\"stored\":4,\"x\":null", "directive has a member that is unknown");
}

static void test_size(void)
{
	char *text = calloc(1, CONTROL_TEXT_MAX + 1);
	struct registration reg;
	struct answer a;
	struct sq_err err;

	ok(control_read_registration((struct sq_slice){text, CONTROL_TEXT_MAX + 1}, &reg, &err) == -EINVAL &&
	       control_read_answer((struct sq_slice){text, CONTROL_TEXT_MAX + 1}, &a, &err) == -EINVAL,
	   "longer than any");
	free(text);
}

static void test_memory(void)
{
	struct answer a = sample_answer(), back = {0};
	struct buf text = {0};
	bool good = true;
	int n;

	control_write_answer(&a, &text);
	for (n = 1;; n++) {
		struct buf out = {0};
		int r;

		failmalloc_after((unsigned)n);
		r = control_write_answer(&a, &out);
		buf_free(&out);
		if (!failmalloc_stop())
			break;
		good &= r == -ENOMEM;
	}
	ok(good && n > 50, "writing an answer without memory, %d places", n - 1);
	for (n = 1;; n++) {
		struct buf out = {0};
		int r;

		failmalloc_after((unsigned)n);
		r = control_write_registration(&sample, &out);
		buf_free(&out);
		if (!failmalloc_stop())
			break;
		good &= r == -ENOMEM;
	}
	ok(good && n > 10, "writing a registration without memory, %d places", n - 1);
	failmalloc_after(1);
	ok(control_read_answer(slice(&text), &back, NULL) == -ENOMEM && failmalloc_stop(),
	   "reading an answer without memory for its slots");
	answer_free(&a);
	buf_free(&text);
}

int main(void)
{
	test_registration();
	test_answer();
	test_refusals();
	test_size();
	test_memory();
	return tap_done();
}
