/*
 * args.h - a call of a plugin's script: what it is told, and the word it answers with.
 *
 * A script has one key, whose hash tag all its keys share. Its first argument is a verb; its answer is an
 * array that begins with a word: ok, none, gone, final, fenced, conflict, busy, invalid, range, full.
 */
#ifndef REDIS_ARGS_H
#define REDIS_ARGS_H

#include "link.h"

/* Lua, written as tokens of C: its comments and quotes are the same but for "--". */
#define LUA(...) #__VA_ARGS__ "\n"

/* For redis_link_eval(). A failed allocation is remembered in failed. */
struct args {
	struct arena *arena;
	struct sq_slice *list;
	unsigned count, most;
	bool failed;
};

/* most: how many follow the verb. Texts and blobs are borrowed. */
void args_init(struct args *a, struct arena *arena, const char *key, const char *verb, unsigned most);
void args_text(struct args *a, const char *s);
void args_blob(struct args *a, struct sq_slice s);
void args_int(struct args *a, int64_t n);

/* The word as a status; of an error, or without an answer, as redis_link_status() says. */
int args_status(struct redis_link *l, const struct reply *r, bool sent);

#endif
