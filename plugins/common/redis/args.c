/* args.c - what goes to the script, and the word it answers with. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "args.h"

void args_init(struct args *a, struct arena *arena, const char *key, const char *verb, unsigned most)
{
	*a = (struct args){.arena = arena, .count = REDIS_EVAL_HEAD, .most = REDIS_EVAL_HEAD + 2 + most};
	a->list = arena_alloc(arena, a->most * sizeof *a->list);
	a->failed = a->list == NULL;
	args_text(a, key);
	args_text(a, verb);
}

void args_blob(struct args *a, struct sq_slice s)
{
	if (a->failed || a->count == a->most)
		a->failed = true;
	else
		a->list[a->count++] = s;
}

void args_text(struct args *a, const char *s)
{
	args_blob(a, (struct sq_slice){s, strlen(s)});
}

void args_int(struct args *a, int64_t n)
{
	char *text = arena_alloc(a->arena, 24);

	a->failed |= text == NULL;
	if (a->failed)
		return;
	snprintf(text, 24, "%lld", (long long)n);
	args_text(a, text);
}

int args_status(struct redis_link *l, const struct reply *r, bool sent)
{
	static const struct {
		const char *word;
		int status;
	} words[] = {{"ok", 0},
	             {"none", -ENOENT},
	             {"gone", -SQ_EGONE},
	             {"final", -SQ_EFINAL},
	             {"fenced", -SQ_EFENCED},
	             {"conflict", -SQ_ECONFLICT},
	             {"busy", -EBUSY},
	             {"invalid", -EINVAL},
	             {"range", -ERANGE},
	             {"full", -ENOSPC}};
	int status = redis_link_status(l, r, sent);

	if (status < 0)
		return status;
	for (size_t i = 0; i < SQ_LEN(words); i++)
		if (strcmp(reply_text(reply_item(r, 0)), words[i].word) == 0)
			return words[i].status;
	return -EIO;
}
