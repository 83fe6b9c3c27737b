/* plan_label.c - labels: what people and their tools call a test by. */
#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "plan_field.h"

#define LABELS_MAX 32
#define NAME_MAX_BYTES 64

/* Such a name is one in logs, in metrics and in queries. */
static bool is_name(const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] >= 0x80 || (!isalnum((unsigned char)s[i]) && !strchr("._-", s[i])))
			return false;
	return len > 0 && len <= NAME_MAX_BYTES;
}

static bool is_text(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return false;
	return true;
}

/* Adds the problem with one label; false if there is none. */
static bool refuse_label(const struct plan_field *f, const char *name, struct json_object *v,
                         struct plan_problems *problems)
{
	bool text = json_object_is_type(v, json_type_string);
	size_t len = text ? (size_t)json_object_get_string_len(v) : 0;
	char shown[80];

	text_safe(shown, sizeof shown, name, strlen(name));
	if (!is_name(name))
		plan_problem(problems, f->name,
		             "\"%s\" is not a name: use 1 .. %d letters, digits, . _ and -", shown,
		             NAME_MAX_BYTES);
	else if (!text)
		plan_problem(problems, f->name, "\"%s\" must have a string as its value", shown);
	else if (len > (size_t)f->max)
		plan_problem(problems, f->name, "\"%s\" is %zu bytes long; the most is %lld", shown, len,
		             (long long)f->max);
	else if (!is_text(json_object_get_string(v), len))
		plan_problem(problems, f->name, "\"%s\" has a control character in its value", shown);
	else
		return false;
	return true;
}

static int add_label(struct plan *p, const char *name, const char *value)
{
	struct plan_header *l = &p->labels[p->label_count];

	l->name = strdup(name);
	l->value = strdup(value);
	if (l->name && l->value) {
		p->label_count++;
		return 0;
	}
	free(l->name);
	free(l->value);
	return -ENOMEM;
}

int plan_read_labels(struct json_object *v, const struct plan_field *f, struct plan *p,
                     struct plan_problems *problems)
{
	struct json_object_iter it;

	if (!json_object_is_type(v, json_type_object)) {
		plan_problem(problems, f->name, "must be %s", f->help);
		return 0;
	}
	if (json_object_object_length(v) > LABELS_MAX) {
		plan_problem(problems, f->name, "are %d; the most is %d", json_object_object_length(v),
		             LABELS_MAX);
		return 0;
	}
	p->labels = calloc(LABELS_MAX, sizeof *p->labels);
	if (!p->labels)
		return -ENOMEM;
	json_object_object_foreachC(v, it)
	{
		if (refuse_label(f, it.key, it.val, problems))
			continue;
		if (add_label(p, it.key, json_object_get_string(it.val)) < 0)
			return -ENOMEM;
	}
	return 0;
}
