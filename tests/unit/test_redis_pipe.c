/* test_redis_pipe.c - answers of a Redis, the calls that wait for them, and what its errors mean. */
#include <errno.h>
#include <stdlib.h>

#include "plugins/common/redis/args.h"
#include "tests/failmalloc.h"
#include "tests/tap.h"

/* --- answers --------------------------------------------------------------------------------- */

static void show(struct buf *out, const struct reply *r)
{
	switch (r->type) {
	case REPLY_NIL:
		buf_str(out, "nil");
		break;
	case REPLY_NUMBER:
		buf_printf(out, "%lld", (long long)r->number);
		break;
	case REPLY_ARRAY:
		buf_str(out, "[");
		for (uint32_t i = 0; i < r->count; i++) {
			buf_str(out, i ? " " : "");
			show(out, r->items[i]);
		}
		buf_str(out, "]");
		break;
	case REPLY_TEXT:
	case REPLY_STATUS:
	case REPLY_ERROR:
		buf_printf(out, "%c%s", "  'x+!"[r->type + 1], reply_text(r));
	}
}

/* Every answer in the bytes, fed in pieces of this size; and how it ended. */
static int read_all(const char *bytes, size_t len, size_t piece, struct buf *out)
{
	const struct reply *reply;
	struct reader r;
	int status = reader_init(&r);

	for (size_t at = 0, n; at < len && status >= 0; at += n) {
		n = piece < len - at ? piece : len - at;
		status = reader_feed(&r, bytes + at, n);
		while (status >= 0 && (status = reader_next(&r, &reply)) > 0) {
			show(out, reply);
			buf_str(out, ";");
		}
	}
	reader_free(&r);
	return status;
}

static void answers(void)
{
	static const char bytes[] =
	    "+OK\r\n:42\r\n$5\r\nhe\0lo\r\n$-1\r\n*-1\r\n*3\r\n:1\r\n*2\r\n$1\r\na\r\n$0\r\n\r\n"
	    "-ERR no\r\n*0\r\n:-9223372036854775808\r\n";

	for (size_t piece = 1; piece <= sizeof bytes; piece++) {
		struct buf out = {0};
		int r = read_all(bytes, sizeof bytes - 1, piece, &out);

		if (r != 0 ||
		    strcmp(out.data, "xOK;42;'he;nil;nil;[1 ['a '] +ERR no];[];-9223372036854775808;") != 0) {
			ok(false, "pieces of %zu bytes", piece);
			printf("#   %d %s\n", r, out.data);
		}
		buf_free(&out);
	}
	ok(true, "answers of all kinds, cut anywhere");
}

static void bounds(void)
{
	struct buf out = {0};

	is_int(read_all("*2147483647\r\n", 13, 100, &out), -EMSGSIZE,
	       "an array of two thousand million items allocates nothing");
	is_int(read_all("*1000001\r\n", 10, 100, &out), -EMSGSIZE, "nor one of a million and one");
	is_int(read_all("*2\r\n*600000\r\n", 13, 100, &out), 0, "less than that is waited for");
	is_int(read_all("HTTP/1.1 400 Bad Request\r\n", 26, 100, &out), -EPROTO, "what is no Redis is told");
	is_int(read_all("$99999999999999999999\r\n", 23, 100, &out), -EPROTO, "as is a length that is none");
	is_int(read_all("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", 48, 100,
	                &out),
	       -EPROTO, "or arrays in arrays without end");
	buf_free(&out);
}

static void values(void)
{
	const struct reply text = {.type = REPLY_TEXT, .text = {"12", 2}},
	                   word = {.type = REPLY_TEXT, .text = {"1x", 2}}, *items[] = {&text, &word},
	                   array = {.type = REPLY_ARRAY, .items = items, .count = 2};

	is_int(reply_number(reply_item(&array, 0), -1), 12, "a text may be a number");
	is_int(reply_number(reply_item(&array, 1), -1), -1, "or not");
	is_int(reply_item(&array, 2)->type, REPLY_NIL, "what is behind the end is nil");
	is_int(reply_item(&text, 0)->type, REPLY_NIL, "as are the items of what is no array");
	is_str(reply_text(&array), "", "an array has no text");
}

/* --- calls ----------------------------------------------------------------------------------- */

struct call {
	struct redis_call call;
	int answers;
	int64_t number;
	bool none, sent;
};

static struct pipe *stopping;

static void answered(struct redis_call *rc, const struct reply *r, bool sent)
{
	struct call *c = sq_container(rc, struct call, call);

	c->answers++;
	c->none = r == NULL;
	c->sent = sent;
	if (r)
		c->number = reply_number(r, -1);
	if (stopping)
		pipe_stop(stopping);
}

static int add(struct pipe *p, struct call *c, const char *a, const char *b)
{
	const struct sq_slice args[] = {{a, strlen(a)}, {b, strlen(b)}};

	*c = (struct call){.call.done = answered};
	return pipe_add(p, &c->call, args, 2);
}

static void calls(void)
{
	struct call c[3];
	struct pipe p;

	pipe_init(&p);
	is_int(add(&p, &c[0], "GET", "a"), 0, "a command");
	add(&p, &c[1], "GET", "");
	is_str(p.out.data, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n",
	       "as the protocol wants it");
	pipe_sent(&p, 21);
	is_int(pipe_feed(&p, ":7\r\n:8", 6), 0, "an answer and a half");
	ok(c[0].answers == 1 && c[0].number == 7 && c[1].answers == 0, "the first is answered");
	pipe_feed(&p, "\r\n", 2);
	ok(c[1].answers == 1 && c[1].number == 8, "then the second");
	is_int(pipe_feed(&p, "+OK\r\n", 5), -EPROTO, "an answer that nobody asked for");
	pipe_free(&p);
}

static void breaking(void)
{
	struct call c[3];
	struct pipe p;

	pipe_init(&p);
	for (int i = 0; i < 3; i++)
		add(&p, &c[i], "GET", "a");
	pipe_sent(&p, 22); /* the first, and a byte of the second */
	is_int(pipe_break(&p), 0, "the connection is gone");
	ok(c[0].none && c[0].sent && c[1].sent && !c[2].sent,
	   "of each command it is known whether it may have left");
	ok(p.calls == 0 && pipe_pending(&p).len == 0, "nothing is left");
	add(&p, &c[0], "GET", "b");
	pipe_sent(&p, 21);
	pipe_feed(&p, ":1\r\n", 4);
	ok(c[0].answers == 1 && !c[0].none, "and it begins anew");
	add(&p, &c[0], "GET", "b");
	add(&p, &c[1], "GET", "b");
	stopping = &p;
	is_int(pipe_feed(&p, ":1\r\n:2\r\n", 8), 0, "an answer that ends all");
	stopping = NULL;
	ok(c[0].answers == 1 && c[1].answers == 0, "no other is handed out");
	pipe_break(&p);
	ok(c[1].answers == 1 && c[1].none, "the next hears of the end");
	pipe_free(&p);
}

static void too_much(void)
{
	static struct call many[PIPE_CALLS_MAX + 1];
	struct call c;
	const struct sq_slice huge = {"x", PIPE_OUT_MAX};
	struct pipe p;
	int r = 0;

	pipe_init(&p);
	for (unsigned i = 0; i < PIPE_CALLS_MAX && r == 0; i++)
		r = add(&p, &many[i], "A", "b");
	is_int(r, 0, "many commands may wait");
	is_int(add(&p, &c, "A", "b"), -ENOBUFS, "but not endlessly many");
	pipe_free(&p);
	pipe_init(&p);
	is_int(pipe_add(&p, &c.call, &huge, 1), -ENOBUFS, "nor endlessly large ones");
	pipe_free(&p);
}

static void without_memory(void)
{
	static const char bytes[] = "*2\r\n$3\r\nabc\r\n:1\r\n:5\r\n";
	struct call c[2];
	int failures = 0;
	bool good = true;

	for (unsigned n = 1;; n++) {
		struct pipe p;
		int r;

		failmalloc_after(n);
		r = pipe_init(&p);
		for (int i = 0; i < 2 && r == 0; i++)
			r = add(&p, &c[i], "GET", "a");
		if (r == 0)
			r = pipe_feed(&p, bytes, sizeof bytes - 1);
		if (!failmalloc_stop()) {
			ok(r == 0 && c[1].number == 5, "with memory it works");
			pipe_free(&p);
			break;
		}
		failures++;
		good &= r == -ENOMEM;
		pipe_free(&p);
	}
	ok(good && failures >= 3, "each of %d allocations that fail is told", failures);
}

/* --- errors ---------------------------------------------------------------------------------- */

static const struct fault *fault(const char *text)
{
	const struct reply r = {.type = REPLY_ERROR, .text = {text, strlen(text)}};

	return fault_of(&r);
}

static void faults(void)
{
	char host[20];
	int64_t port = 0;
	const char *texts[] = {"MOVED 3999 127.0.0.1:6381", "MOVED 3999 :6381", "MOVED 3999 ::1:6381"},
	           *hosts[] = {"127.0.0.1", "", "::1"};

	is_int(fault("OOM command not allowed when used memory > 'maxmemory'.")->status, -ENOSPC, "full");
	is_int(fault("OOM command not allowed")->kind, FAULT_STATE, "is a state that passes");
	is_int(fault("READONLY You can't write against a read only replica.")->kind, FAULT_PEER,
	       "a replica is of no use");
	is_int(fault("LOADING Redis is loading the dataset in memory")->kind, FAULT_PEER,
	       "nor who is loading");
	is_int(fault("WRONGPASS invalid username-password pair or user is disabled.")->kind, FAULT_PEER,
	       "nor who does not know us");
	is_int(fault("NOSCRIPT No matching script. Please use EVAL.")->kind, FAULT_SCRIPT,
	       "a script that was forgotten");
	is_int(fault("ASK 4461 127.0.0.1:6381")->kind, FAULT_STATE, "a slot that moves");
	is_int(fault("ERR Script attempted to access a non local key in a cluster node script: 1f, on "
	             "@user_script:3.")
	           ->status,
	       -SQ_EUNCERTAIN, "in the middle of a script");
	is_int(fault("ERR Error running script (call to f_1f): @user_script:3: @user_script: 3: Lua script "
	             "attempted to access a non local key in a cluster node")
	           ->kind,
	       FAULT_STATE, "as Redis 6 says that");
	is_int(fault("NOPERM this user has no permissions")->kind, FAULT_CALL, "what we may not");
	is_int(fault("ERR increment or decrement would overflow")->status, -ERANGE, "a counter that is full");
	is_int(fault("ERR Error running script (call to f_1f): @user_script:7: @user_script: 7: -OOM command "
	             "not allowed when used "
	             "memory > 'maxmemory'.")
	           ->status,
	       -ENOSPC, "full, as a script of Redis 6 says it");
	is_int(
	    fault("ERR Error running script (call to f_1f): @user_script:7: READONLY You can't write")->kind,
	    FAULT_PEER, "a replica, as that says it");
	is_int(fault("ERR Error running script (call to f_1f): @user_script:7: WRONGTYPE Operation")->kind,
	       FAULT_CALL, "and what is neither");
	is_int(fault("ERR something new")->status, -EIO, "anything else");
	is_int(fault("")->status, -EIO, "even nothing");
	for (int i = 0; i < 3; i++) {
		const struct reply r = {.type = REPLY_ERROR, .text = {texts[i], strlen(texts[i])}};

		ok(fault_moved(&r, host, sizeof host, &port) && port == 6381 && strcmp(host, hosts[i]) == 0,
		   "%s", texts[i]);
	}
	for (const char *const *t =
	         (const char *const[]){"MOVED", "MOVED 1 x", "MOVED 1 x:0", "MOVED 1 x:65536", "MOVED 1 x:y",
	                               "MOVED 1 a-name-that-is-too-long-for-it:1", NULL};
	     *t; t++) {
		const struct reply r = {.type = REPLY_ERROR, .text = {*t, strlen(*t)}};

		ok(!fault_moved(&r, host, sizeof host, &port), "%s leads nowhere", *t);
	}
}

static void arguments(void)
{
	struct arena arena = {0};
	struct args a;

	args_init(&a, &arena, "key", "verb", 2);
	args_text(&a, "x");
	args_int(&a, INT64_MIN);
	ok(!a.failed && a.count == REDIS_EVAL_HEAD + 4, "key, verb and two arguments");
	is_str(a.list[REDIS_EVAL_HEAD + 3].data, "-9223372036854775808", "numbers as text");
	args_text(&a, "too many");
	ok(a.failed, "one more than was asked for is a failure");
	arena_free(&arena);
	for (unsigned n = 1; n <= 1; n++) {
		failmalloc_after(n);
		args_init(&a, &arena, "key", "verb", 1);
		args_int(&a, 1);
		failmalloc_stop();
		ok(a.failed, "as is a failed allocation");
		arena_free(&arena);
	}
}

int main(void)
{
	answers();
	bounds();
	values();
	calls();
	breaking();
	too_much();
	without_memory();
	faults();
	arguments();
	return tap_done();
}
