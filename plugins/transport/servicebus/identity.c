/* identity.c - names of messages. */
#include "identity.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "plugins/common/digest.h"
#include "plugins/common/doc.h"

bool identity_valid(const char *s, size_t len)
{
	if (len == 0 || len > SQ_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		      (c && strchr("._:-", c))))
			return false;
	}
	return true;
}

int identity_wire(const char *id, uint32_t edition, char out[WIRE_ID_MAX + 1])
{
	char uuid[UUID_TEXT];

	if (!*id) { /* some clients cannot settle a message without an id */
		if (uuid_random(uuid) < 0)
			return -EIO;
		snprintf(out, WIRE_ID_MAX + 1, "%s", uuid);
	} else if (edition <= 1) {
		snprintf(out, WIRE_ID_MAX + 1, "%s", id);
	} else {
		snprintf(out, WIRE_ID_MAX + 1, "%s/%u", id, edition);
	}
	return 0;
}

/* Takes what somebody called it, as far as the store can. */
static int named(const char *s, size_t len, char out[SQ_ID_MAX + 1])
{
	char uuid[UUID_TEXT];
	int r = 0;

	if (identity_valid(s, len)) {
		snprintf(out, SQ_ID_MAX + 1, "%.*s", (int)len, s);
		return 0;
	}
	r = uuid_named(s, len, uuid);
	if (r == 0)
		snprintf(out, SQ_ID_MAX + 1, "%s", uuid);
	return r;
}

int identity_foreign(const struct foreign *f, char out[SQ_ID_MAX + 1])
{
	struct json_object *body = NULL, *id = NULL;
	int r;

	if (f->message_id.len > 0)
		return named(f->message_id.data, f->message_id.len, out);
	r = doc_parse(f->body, 32, &body, NULL);
	if (r == -ENOMEM)
		return r;
	if (r == 0 && json_object_is_type(body, json_type_object))
		id = json_object_object_get(body, "test_id");
	if (json_object_is_type(id, json_type_string) && json_object_get_string_len(id) > 0) {
		r = named(json_object_get_string(id), (size_t)json_object_get_string_len(id), out);
	} else { /* with its time, as a queue that is made anew counts from 1 */
		snprintf(out, SQ_ID_MAX + 1, "seq-%lld-%llx", (long long)f->sequence,
		         (unsigned long long)f->enqueued);
		r = 0;
	}
	json_object_put(body);
	return r;
}
