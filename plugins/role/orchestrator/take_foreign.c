/* take_foreign.c - a message without a record: it is judged, and gets one. */
#include <errno.h>
#include <json-c/json.h>

#include "core/base/text.h"
#include "plugins/common/doc.h"
#include "take.h"

static void recorded(struct sq_op *op, int status)
{
	struct take *t = sq_container(op, struct take, put.op);

	if (status >= 0 || status == -SQ_ECONFLICT || status == -SQ_EUNCERTAIN)
		take_look(t);
	else
		take_give_up(t, status, "record");
}

static void take_refuse(struct take *t, const char *reason, const char *detail)
{
	take_settle(t, SQ_DEAD, reason, detail);
}

/* Who writes no plan_sha256 is not ours: fields that only its own programs know do no harm, while one of ours
 * that we do not know comes from a newer squall, and counts. */
static void drop_foreign(struct take *t, struct json_object *posted)
{
	struct buf names = {0};
	char text[200];

	if (json_object_object_get(posted, "plan_sha256"))
		return;
	json_object_object_del(posted, "test_id");
	plan_drop_unknown(posted, &names);
	if (names.len > 0)
		SQ_WARN(t->o->host, SQ_KV({"test", t->id}),
		        "fields of a foreign message that are ignored: %s",
		        text_safe(text, sizeof text, names.data, names.len));
	buf_free(&names);
}

/* The plan of the message, without what is about the message. *ret_posted is the caller's. */
static int read_message(struct take *t, struct plan **ret, struct json_object **ret_posted,
                        struct plan_problems *problems)
{
	const struct sq_slice body = t->delivery->msg.body;
	struct sq_err err;
	int status = doc_parse(body, 32, ret_posted, &err);

	if (status < 0)
		return status;
	if (json_object_is_type(*ret_posted, json_type_object)) {
		drop_foreign(t, *ret_posted);
		json_object_object_del(*ret_posted, "test_id");
		json_object_object_del(*ret_posted, "plan_sha256");
	}
	return plan_read(*ret_posted, t->o->conf->target_url, ret, problems);
}

static void take_record(struct take *t, const struct plan *plan, struct json_object *posted)
{
	const struct sq_host *h = t->o->host;
	struct test_record record = {0};
	struct json_object *secret = plan_write(plan);
	size_t len = 0;
	const char *text = secret ? doc_text(secret, &len) : NULL;
	int64_t at = t->delivery->msg.submitted_at;
	int status = record_begin(&record, t->id, plan, posted, at ? at : orchestrator_wall(t->o),
	                          h->instance);

	if (status == 0)
		record_write(&record, &t->body);
	if (text)
		buf_add(&t->secret, text, len);
	record_free(&record);
	json_object_put(secret);
	t->part = (struct sq_part){.name = RECORD_SECRET_PLAN, .data = {t->secret.data, t->secret.len}};
	t->put = (struct sq_store_put){.op = {.done = recorded, .timeout = STORE_TIMEOUT},
	                               .id = t->id,
	                               .state = lifecycle_word(T_QUEUED),
	                               .life = SQ_LIVE,
	                               .body = {t->body.data, t->body.len},
	                               .parts = &t->part,
	                               .part_count = 1};
	if (status < 0 || !text || buf_failed(&t->body) || buf_failed(&t->secret))
		take_give_up(t, -ENOMEM, "no memory");
	else
		submitted(&t->put.op, h->store->put(h->store_self, &t->put));
}

void take_foreign(struct take *t)
{
	struct plan_problems problems = {0};
	struct json_object *posted = NULL;
	struct plan *plan = NULL;
	int status;

	if (take_worn_out(t)) {
		take_refuse(t, TAKE_WORN_OUT, TAKE_WORN_OUT_TEXT);
		return;
	}
	status = t->delivery ? read_message(t, &plan, &posted, &problems) : -ENOENT;
	if (status == 0)
		take_record(t, plan, posted);
	else if (status == -EINVAL || status == -EBADMSG)
		take_refuse(t, "malformed", problems.text.len ? problems.text.data : "it is not JSON");
	else if (status == -ENOENT)
		take_end(t);
	else
		take_give_up(t, status, "no memory");
	plan_free(plan);
	json_object_put(posted);
	plan_problems_free(&problems);
}

int take_name(const struct sq_delivery *d, char out[SQ_ID_MAX + 1])
{
	char text[UUID_TEXT];
	struct buf name = {0};
	int r;

	buf_printf(&name, "%lld ", (long long)d->msg.submitted_at);
	buf_add(&name, d->msg.body.data, d->msg.body.len);
	r = buf_failed(&name)          ? -ENOMEM
	    : d->msg.submitted_at == 0 ? uuid_random(text)
	                               : uuid_named(name.data, name.len, text);
	if (r == 0)
		record_set(out, SQ_ID_MAX + 1, text);
	buf_free(&name);
	return r;
}
