/*
 * control_load.c - so many workers of one test, as far as their orchestrator can see.
 *
 *     control_load PORT TEST TOKEN WORKERS
 *
 * Each has a connection of its own, registers, arms, runs and reports each second from T0 on, all in the same
 * moment as real ones do, until its final report is stored. What they report is what workers with this
 * share of the plan would: every tick in the ledger, and a value of every request in each histogram. To save
 * memory here workers share one of a few books. At the end it prints one JSON line: answer times of reports,
 * how long finals took to be stored, and what the merged result must say to the last count.
 */
#include <errno.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "plugins/common/control.h"
#include "plugins/common/plan.h"
#include "plugins/common/report.h"
#include "core/base/schedule.h"

#define KINDS 8 /* of books */
#define UID "-0000-4000-8000-000000000000" /* behind eight digits of its own */
#define UID_LEN 36
#define ANSWER_MAX (1 << 16)

struct sim {
	int fd;
	bool asking, registered, done;
	int64_t asked, next;
	uint64_t final_seq, stored;
	int64_t final_at, done_at;
	size_t got;
	char answer[ANSWER_MAX];
};

static struct sim *sims;
static int count, port;
static const char *test_id, *token;
static struct books *books[KINDS];
static struct buf texts[KINDS];
static size_t uid_at[KINDS]; /* of the uid in the text */
static struct schedule schedule;
static uint64_t per_worker, booked; /* ticks: in all, and in the books */
static int64_t t0, offset; /* monotonic; their clock - ours */
static uint64_t epoch, fence, seq;
static enum worker_state state = WORKER_READY;
static bool final;
static int64_t *times; /* of answers to reports while it runs */
static size_t time_count;
static int64_t worst = SQ_MS; /* round trip */

static void give_up(const char *what)
{
	fprintf(stderr, "control_load: %s\n", what);
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SQ_S + ts.tv_nsec;
}

/* --- what is reported ------------------------------------------------------------------------ */

/* A request of this kind of worker: 0.2 .. 20 ms, a long tail. */
static void book(struct books *b, int kind, uint64_t tick)
{
	struct request_times r = {0};
	uint64_t x = (tick * 8 + (uint64_t)kind + 1) * 0x9e3779b97f4a7c15ULL;
	int64_t due, lag, service;

	x ^= x >> 29;
	due = 1 + schedule_due(&schedule, tick * (uint64_t)count);
	lag = (int64_t)(x % 200) * SQ_US;
	service = 200 * SQ_US + (int64_t)((x >> 8) % 1000) * 10 * SQ_US + (x % 100 == 0 ? 10 * SQ_MS : 0);
	books_due(b, &r, tick, due, due + lag);
	books_sent(b, &r, due + lag + 10 * SQ_US, true);
	books_first_byte(b, &r, due + lag + service);
	books_answered(b, &r, due + lag + service + 30 * SQ_US, 200, true, true, NULL);
}

static void render(void)
{
	uint64_t due = 0;

	if (t0 && now_ns() > t0)
		due = schedule_ticks_until(&schedule, now_ns() - t0) / (uint64_t)count;
	for (; booked < due && booked < per_worker; booked++)
		for (int k = 0; k < KINDS; k++)
			book(books[k], k, booked);
	seq++;
	for (int k = 0; k < KINDS; k++) {
		struct report r = {.uid = "ffffffff" UID,
		                   .seq = seq,
		                   .state = state,
		                   .epoch = epoch,
		                   .fence = fence,
		                   .elapsed = t0 && now_ns() > t0 ? now_ns() - t0 : 0,
		                   .final = final,
		                   .round_trip = worst,
		                   .books = books[k]};

		buf_reset(&texts[k]);
		if (report_write(&r, &texts[k]) < 0)
			give_up("no memory");
		uid_at[k] = (size_t)((char *)memmem(texts[k].data, texts[k].len, "ffffffff" UID, UID_LEN) -
		                     texts[k].data);
	}
}

/* --- one worker ------------------------------------------------------------------------------ */

static void post(struct sim *s, const char *path, const char *body, size_t len)
{
	struct buf head = {0};

	buf_printf(&head,
	           "POST /control/tests/%s/workers%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
	           "Content-Length: %zu\r\n\r\n",
	           test_id, path, token, len);
	buf_add(&head, body, len);
	for (size_t at = 0; at < head.len;) {
		ssize_t n = send(s->fd, head.data + at, head.len - at, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			give_up("the orchestrator has closed a connection");
		at += n > 0 ? (size_t)n : 0;
	}
	buf_free(&head);
	s->asking = true;
	s->asked = now_ns();
	s->got = 0;
}

static void make_uid(char out[UID_LEN + 1], const struct sim *s)
{
	snprintf(out, UID_LEN + 1, "%08x" UID, (unsigned)(s - sims + 1) * 2654435761u);
}

static void ask(struct sim *s)
{
	int kind = (int)((s - sims) % KINDS);
	struct registration reg = {0};
	char path[UID_LEN + 2] = "/";
	struct buf body = {0};

	make_uid(path + 1, s);
	if (!s->registered) {
		snprintf(reg.uid, sizeof reg.uid, "%s", path + 1);
		snprintf(reg.version, sizeof reg.version, "bench");
		control_write_registration(&reg, &body);
		post(s, "", body.data, body.len);
	} else {
		buf_add(&body, texts[kind].data, texts[kind].len);
		memcpy(body.data + uid_at[kind], path + 1, UID_LEN);
		post(s, path, body.data, body.len);
		if (final && !s->final_seq) {
			s->final_seq = seq;
			s->final_at = s->asked;
		}
	}
	buf_free(&body);
}

static void read_plan(struct json_object *doc)
{
	struct plan_problems problems = {0};
	struct plan *plan;

	if (plan_read(doc, NULL, &plan, &problems) < 0)
		give_up("the plan cannot be read");
	schedule_constant(&schedule, plan->rate, plan->duration);
	per_worker = schedule.total / (uint64_t)count;
	if (per_worker * (uint64_t)count != schedule.total)
		give_up("the requests must be a multiple of the workers");
	plan_free(plan);
}

static void obey(struct sim *s, const struct directive *d)
{
	int64_t now = now_ns();

	s->stored = d->stored;
	if (s->final_seq && d->stored >= s->final_seq && !s->done) {
		s->done = true;
		s->done_at = now;
	}
	if (d->fence > fence)
		fence = d->fence;
	offset = d->now - now;
	if (d->state == DIRECTIVE_ARM && state == WORKER_READY) {
		state = WORKER_ARMED;
		epoch = d->epoch;
		render();
	}
	if (d->state == DIRECTIVE_RUN)
		t0 = d->t0 - offset;
	if (d->state == DIRECTIVE_STOP && !s->final_seq)
		give_up("the test was stopped");
	s->next = t0 && now + d->poll >= t0 ? INT64_MAX : now + d->poll; /* from T0 on all ask together */
}

static void answered(struct sim *s, const char *body, size_t len)
{
	struct answer a;
	struct sq_err err;

	if (control_read_answer((struct sq_slice){body, len}, &a, &err) < 0)
		give_up(err.text);
	if (now_ns() - s->asked > worst)
		worst = now_ns() - s->asked;
	if (t0 && s->asked > t0 && !final)
		times[time_count++] = now_ns() - s->asked;
	if (a.plan && schedule.total == 0)
		read_plan(a.plan);
	s->registered = true;
	s->asking = false;
	obey(s, &a.directive);
	answer_free(&a);
}

static void readable(struct sim *s)
{
	ssize_t n = recv(s->fd, s->answer + s->got, sizeof s->answer - 1 - s->got, MSG_DONTWAIT);
	char *end, *length;
	size_t len;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		give_up("the orchestrator has closed a connection");
	s->got += (size_t)n;
	s->answer[s->got] = '\0';
	end = strstr(s->answer, "\r\n\r\n");
	length = end ? strcasestr(s->answer, "Content-Length:") : NULL;
	if (!length)
		return;
	len = strtoul(length + 15, NULL, 10);
	if (s->got < (size_t)(end + 4 - s->answer) + len)
		return;
	if (strncmp(s->answer, "HTTP/1.1 200", 12) == 0) {
		answered(s, end + 4, len);
	} else if (strncmp(s->answer, "HTTP/1.1 503", 12) == 0) {
		s->asking = false;
		s->next = now_ns() + 200 * SQ_MS;
	} else if (s->final_seq && strncmp(s->answer, "HTTP/1.1 410", 12) == 0) {
		s->done = true; /* it is over: so it was stored */
		s->done_at = now_ns();
	} else {
		give_up(s->answer);
	}
}

static void connect_all(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	                         .sin_port = htons((uint16_t)port),
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;

	for (int i = 0; i < count; i++) {
		sims[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (sims[i].fd < 0 || connect(sims[i].fd, (struct sockaddr *)&to, sizeof to) < 0)
			give_up("cannot connect");
		setsockopt(sims[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	}
}

/* --- all of them ----------------------------------------------------------------------------- */

/* From T0 on: a report each second, of all at once; the last one is final. */
static int64_t turn(int64_t next)
{
	static int64_t said;
	int64_t now = now_ns();

	if (!t0 && worst != said) { /* before it what counts is how long answers take */
		said = worst;
		render();
	}
	if (t0 && next == 0)
		return t0 + SQ_S;
	if (t0 && now >= t0 && now >= next) {
		final |= now >= t0 + schedule.duration;
		state = final ? WORKER_ENDED : WORKER_RUNNING;
		render();
		for (int i = 0; i < count; i++)
			sims[i].next = now;
		next += SQ_S;
	}
	return next;
}

static bool all_done(void)
{
	for (int i = 0; i < count; i++)
		if (!sims[i].done)
			return false;
	return true;
}

static void serve(struct pollfd *polls)
{
	int64_t next = 0;

	while (!all_done()) {
		int64_t now;

		next = turn(next);
		now = now_ns();
		for (int i = 0; i < count; i++) {
			struct sim *s = &sims[i];

			if (!s->asking && !s->done && now >= s->next)
				ask(s);
			polls[i] = (struct pollfd){.fd = s->done ? -1 : s->fd, .events = POLLIN};
		}
		if (poll(polls, (nfds_t)count, 5) < 0 && errno != EINTR)
			give_up("poll");
		for (int i = 0; i < count; i++)
			if (polls[i].revents)
				readable(&sims[i]);
	}
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void conclude(void)
{
	struct books *all = books_new(0);
	int64_t stored = 0;

	for (int i = 0; i < count; i++) {
		books_merge(all, books[i % KINDS]);
		if (sims[i].done_at - sims[i].final_at > stored)
			stored = sims[i].done_at - sims[i].final_at;
	}
	qsort(times, time_count, sizeof *times, compare);
	printf(
	    "{\"reports\":%zu,\"text_bytes\":%zu,\"answer_ms\":{\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f},"
	    "\"final_stored_ms\":%.1f,\"ok\":%llu,\"p50\":%.6f,\"p99\":%.6f,\"p99_9\":%.6f,\"max\":%.6f}\n",
	    time_count, texts[0].len, (double)times[time_count / 2] / SQ_MS,
	    (double)times[time_count * 99 / 100] / SQ_MS, (double)times[time_count - 1] / SQ_MS,
	    (double)stored / SQ_MS, (unsigned long long)all->ledger.ok,
	    (double)hist_percentile(all->hist[H_RESPONSE], 50) / SQ_MS,
	    (double)hist_percentile(all->hist[H_RESPONSE], 99) / SQ_MS,
	    (double)hist_percentile(all->hist[H_RESPONSE], 99.9) / SQ_MS,
	    (double)all->hist[H_RESPONSE]->max / SQ_MS);
	books_free(all);
}

int main(int argc, char **argv)
{
	struct pollfd *polls;

	if (argc != 5 || (count = atoi(argv[4])) <= 0 || count > 0xffff)
		give_up("usage: control_load PORT TEST TOKEN WORKERS");
	port = atoi(argv[1]);
	test_id = argv[2];
	token = argv[3];
	sims = calloc((size_t)count, sizeof *sims);
	polls = calloc((size_t)count, sizeof *polls);
	times = calloc((size_t)count * 4000, sizeof *times);
	for (int k = 0; k < KINDS; k++)
		books[k] = books_new(0);
	if (!sims || !polls || !times || !books[KINDS - 1])
		give_up("no memory");
	render();
	connect_all();
	serve(polls);
	conclude();
	return 0;
}
