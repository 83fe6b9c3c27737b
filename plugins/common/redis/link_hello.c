/* link_hello.c - what is said before anything else, and the script that the server has to keep. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/secret.h"
#include "link.h"

static struct sq_slice word(const char *s)
{
	return (struct sq_slice){s, strlen(s)};
}

static void ask(struct redis_link *l,
                void (*answered)(struct redis_call *c, const struct reply *r, bool sent),
                const struct sq_slice *args, unsigned count)
{
	int r;

	l->hello.done = answered;
	l->asking = true;
	r = redis_link_send(l, &l->hello, args, count);
	if (r == 0)
		return;
	l->asking = false;
	redis_link_doom(l, "%s", strerror(-r));
}

/* 0, or the connection is over. r NULL: it is already. */
static int judge(struct redis_link *l, const struct reply *r)
{
	l->asking = false;
	if (!r)
		return -ENOTCONN;
	return redis_link_status(l, r, true);
}

static void reload(struct redis_link *l);
static void load(struct redis_link *l);

/* --- steps ------------------------------------------------------------------------------------- */

static void script_head(const struct redis_link *l, struct sq_slice *args)
{
	args[0] = word("EVALSHA");
	args[1] = (struct sq_slice){l->sha, REDIS_SHA};
	args[2] = word("1");
}

static void greeted(struct redis_call *c, const struct reply *r, bool sent)
{
	struct redis_link *l = sq_container(c, struct redis_link, hello);
	bool first = l->stage == REDIS_GREETING;
	struct sq_err err;

	(void)sent;
	if (r && r->type == REPLY_ERROR && fault_of(r)->kind == FAULT_SCRIPT) {
		l->asking = false;
		load(l); /* it was forgotten again */
		return;
	}
	if (judge(l, r) < 0) {
		reload(l); /* what only reads goes on in a trouble */
		return;
	}
	if (l->greeted && l->greeted(l, r, &err) < 0) {
		redis_link_doom(l, "%s", err.text);
		return;
	}
	l->stage = REDIS_UP;
	l->known = true;
	l->moves = 0;
	backoff_reset(&l->backoff);
	if (first)
		l->host->timer_start(l->host->ctx, &l->timer, SQ_S);
	if (first || *l->why) {
		redis_link_well(l);
		if (l->changed)
			l->changed(l);
	}
	reload(l);
}

static void greet(struct redis_link *l)
{
	const struct sq_slice ping[] = {word("PING")};

	if (l->greet && l->script)
		script_head(l, l->greet);
	if (!l->greet)
		ask(l, greeted, ping, 1);
	else
		ask(l, greeted, l->greet, l->greet_count);
}

static bool keep_sha(struct redis_link *l, const struct reply *r)
{
	if (r->text.len == REDIS_SHA)
		memcpy(l->sha, r->text.data, REDIS_SHA + 1);
	else
		redis_link_doom(l, "what answers there is no Redis");
	return r->text.len == REDIS_SHA;
}

static void loaded(struct redis_call *c, const struct reply *r, bool sent)
{
	struct redis_link *l = sq_container(c, struct redis_link, hello);

	(void)sent;
	if (judge(l, r) == 0 && keep_sha(l, r))
		greet(l);
}

static void load(struct redis_link *l)
{
	const struct sq_slice args[] = {word("SCRIPT"), word("LOAD"), word(l->script ? l->script : "")};

	if (l->script)
		ask(l, loaded, args, 3);
	else
		greet(l);
}

static void selected(struct redis_call *c, const struct reply *r, bool sent)
{
	struct redis_link *l = sq_container(c, struct redis_link, hello);

	(void)sent;
	if (judge(l, r) == 0)
		load(l);
}

static void select_database(struct redis_link *l)
{
	char number[24];
	struct sq_slice args[] = {word("SELECT"), {number, 0}};

	args[1].len = (size_t)snprintf(number, sizeof number, "%lld", (long long)l->conf->database);
	if (l->conf->database)
		ask(l, selected, args, 2);
	else
		load(l);
}

/* A user that may not name its connection is welcome without a name. */
static void named(struct redis_call *c, const struct reply *r, bool sent)
{
	struct redis_link *l = sq_container(c, struct redis_link, hello);

	(void)sent;
	if (r && r->type == REPLY_ERROR && fault_of(r)->kind == FAULT_CALL) {
		l->asking = false;
		select_database(l);
	} else if (judge(l, r) == 0) {
		select_database(l);
	}
}

static void name(struct redis_link *l)
{
	char text[100];
	struct sq_slice args[] = {word("CLIENT"), word("SETNAME"), {text, 0}};

	args[2].len = (size_t)snprintf(text, sizeof text, "squall:%s", l->host->instance);
	ask(l, named, args, 3);
}

/* What is not known here is not repeated: it might hold the password. */
static void let_in(struct redis_call *c, const struct reply *r, bool sent)
{
	struct redis_link *l = sq_container(c, struct redis_link, hello);

	(void)sent;
	if (r && r->type == REPLY_ERROR && !fault_of(r)->what) {
		l->asking = false;
		redis_link_doom(l, "it does not take AUTH: look at username and password");
	} else if (judge(l, r) == 0) {
		name(l);
	}
}

void redis_hello_start(struct redis_link *l)
{
	const struct redis_conf *conf = l->conf;
	struct sq_slice args[3] = {word("AUTH")};
	unsigned n = 1;

	l->stage = REDIS_GREETING;
	l->complaint[0] = '\0';
	l->host->timer_start(l->host->ctx, &l->timer, l->conf->answer_timeout);
	if (*conf->username)
		args[n++] = word(conf->username);
	if (l->prepare.password) {
		args[n++] = word(l->prepare.password);
		ask(l, let_in, args, n);
		secret_free(l->prepare.password);
		l->prepare.password = NULL;
	} else {
		name(l);
	}
	if (l->doomed.code)
		redis_link_settle(l);
	else
		redis_io_flush(l);
}

/* --- later ------------------------------------------------------------------------------------- */

static void alive(struct redis_call *c, const struct reply *r, bool sent)
{
	(void)sent;
	if (judge(sq_container(c, struct redis_link, hello), r) == 0)
		reload(sq_container(c, struct redis_link, hello));
}

void redis_hello_ask(struct redis_link *l)
{
	const struct sq_slice ping[] = {word("PING")};

	if (l->asking)
		return;
	if (*l->why)
		greet(l);
	else
		ask(l, alive, ping, 1);
	redis_link_settle(l);
}

/* --- the script -------------------------------------------------------------------------------- */

static void again_add(struct redis_link *l, struct redis_eval *e)
{
	e->next = NULL;
	*l->again_last = e;
	l->again_last = &e->next;
}

static struct redis_eval *again_take(struct redis_link *l)
{
	struct redis_eval *first = l->again;

	l->again = NULL;
	l->again_last = &l->again;
	return first;
}

static void reloaded(struct redis_call *c, const struct reply *r, bool sent)
{
	struct redis_link *l = sq_container(c, struct redis_link, hello);
	struct redis_eval *e, *next;

	(void)sent;
	if (judge(l, r) < 0) {
		if (r && !l->doomed.code)
			redis_link_doom(l, "it does not take our script");
		return;
	}
	if (!keep_sha(l, r))
		return;
	l->reload = false;
	for (e = again_take(l); e; e = next) {
		next = e->next;
		e->again(e);
	}
}

/* When no call of the script is under way any more: those that failed go first, those that came
 * meanwhile behind them. */
static void reload(struct redis_link *l)
{
	struct sq_slice args[] = {word("SCRIPT"), word("LOAD"), {0}};

	if (!l->reload || l->evals > 0 || l->asking)
		return;
	args[2] = word(l->script);
	ask(l, reloaded, args, 3);
}

static void evaluated(struct redis_call *c, const struct reply *r, bool sent)
{
	struct redis_eval *e = sq_container(c, struct redis_eval, call);
	struct redis_link *l = e->link;

	l->evals--;
	if (r && r->type == REPLY_ERROR && fault_of(r)->kind == FAULT_SCRIPT) {
		l->reload = true;
		again_add(l, e);
	} else {
		e->done(e, r, sent);
	}
	if (r)
		reload(l);
}

int redis_link_eval(struct redis_link *l, struct redis_eval *e, struct sq_slice *args, unsigned count)
{
	int r;

	if (!redis_link_is_up(l) || l->doomed.code)
		return -ENOTCONN;
	e->link = l;
	if (l->reload) {
		again_add(l, e);
		return 0;
	}
	e->call.done = evaluated;
	script_head(l, args);
	r = redis_link_send(l, &e->call, args, count);
	l->evals += r == 0;
	return r;
}

void redis_hello_drop(struct redis_link *l)
{
	struct redis_eval *e, *next;

	l->reload = false;
	for (e = again_take(l); e; e = next) {
		next = e->next;
		e->done(e, NULL, false);
	}
}
