/*
 * test_dispatch.c - where connections lead, and what becomes of requests when they cannot be had.
 */
#include <sys/resource.h>
#include <sys/un.h>

#include "tests/unit/engine_rig.h"

/* As many requests as connections, in turn over the workers; how many led to each of so many addresses. */
static void spread(uint32_t workers, uint32_t addresses, uint32_t connections, uint32_t to[])
{
	struct dispatch d;
	struct bench b;

	memset(to, 0, addresses * sizeof *to);
	for (uint32_t w = 0; w < workers; w++) {
		bench_open(&b, IS_SILENT, 1, SQ_S);
		b.addresses.count = addresses;
		for (uint32_t i = 0; i < addresses; i++) {
			b.addresses.list[i] = b.target.address;
			snprintf(b.addresses.list[i].text, sizeof b.addresses.list[i].text, "%u", i);
		}
		bench_dispatch(&b, &d);
		d.index = w;
		d.workers = workers;
		for (uint32_t k = w; k < connections; k += workers)
			give_due(&b, &d, k);
		for (struct link *l = d.connecting.next; l != &d.connecting; l = l->next)
			to[atoi(sq_container(l, struct conn, link)->seen.address)]++;
		bench_dispatch_end(&b, &d);
	}
}

/* However many workers, addresses and connections there are. */
static void test_spread(void)
{
	uint32_t to[6], worst = 0, sum, single = 0;

	for (uint32_t workers = 1; workers <= 6; workers++)
		for (uint32_t addresses = 1; addresses <= 6; addresses++)
			for (uint32_t connections = 1; connections <= 24; connections += 5) {
				uint32_t least = UINT32_MAX, most = 0;

				spread(workers, addresses, connections, to);
				sum = 0;
				for (uint32_t i = 0; i < addresses; i++) {
					least = to[i] < least ? to[i] : least;
					most = to[i] > most ? to[i] : most;
					sum += to[i];
				}
				worst = most - least > worst ? most - least : worst;
				single += sum != connections;
			}
	is_int(single, 0, "a connection for each request");
	is_int(worst, 1, "over all workers no address has more than one more than another");
	spread(1, 4, 20, to);
	ok(to[0] == 5 && to[3] == 5, "one worker: in turn");
}

/* Two of 2 workers, 2 addresses: each worker comes to both. */
static void test_spread_one(void)
{
	struct dispatch d;
	struct bench b;
	uint32_t to[2] = {0};

	bench_open(&b, IS_SILENT, 1, SQ_S);
	b.addresses.count = 2;
	b.addresses.list[1] = b.addresses.list[0];
	strcpy(b.addresses.list[0].text, "0");
	strcpy(b.addresses.list[1].text, "1");
	bench_dispatch(&b, &d);
	d.index = 1;
	d.workers = 2;
	for (uint32_t k = 0; k < 8; k++)
		give_due(&b, &d, k);
	for (struct link *l = d.connecting.next; l != &d.connecting; l = l->next)
		to[atoi(sq_container(l, struct conn, link)->seen.address)]++;
	ok(to[0] == 4 && to[1] == 4, "one of two workers loads both of two addresses: %u and %u", to[0],
	   to[1]);
	bench_dispatch_end(&b, &d);
}

/* Nobody accepts, and the queue is full: SYNs are not answered. */
static void test_connect_timeout(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), others[3];
	const struct sample *s;
	const struct ledger *l;
	struct bench b;

	bench_open(&b, IS_SILENT, 100, SQ_S / 10);
	if (bind(fd, (struct sockaddr *)&in, sizeof in) < 0 || listen(fd, 0) < 0 ||
	    getsockname(fd, (struct sockaddr *)&b.addresses.list[0].sa, &b.addresses.list[0].len) < 0)
		abort();
	for (size_t i = 0; i < SQ_LEN(others); i++) {
		others[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(others[i], (struct sockaddr *)&b.addresses.list[0].sa, b.addresses.list[0].len);
	}
	b.plan.wire.connect = 100 * SQ_MS;
	l = bench_run(&b);
	is_int(l->unsent[UNSENT_CONNECT], 10, "timeouts_ms.connect during the load: unsent{connect}");
	s = &b.books->errors[SAMPLE_UNSENT][0];
	is_str(s->what, "not connected within timeouts_ms.connect", "the sample says which limit");
	ok(s->connect >= 100 * SQ_MS && s->dns == -1 && s->tls == -1,
	   "and how long it was tried (%.1f ms); what was not begun has no time", (double)s->connect / 1e6);
	is_int(b.books->opened, 0, "none was opened");
	bench_close(&b);

	bench_open(&b, IS_SILENT, 100, SQ_S / 10);
	getsockname(fd, (struct sockaddr *)&b.addresses.list[0].sa, &b.addresses.list[0].len);
	b.plan.patience = 100 * SQ_MS;
	l = bench_run(&b);
	is_int(l->unsent[UNSENT_CONNECT], 10, "patience before it is connected: unsent{connect} too");
	s = &b.books->errors[SAMPLE_UNSENT][0];
	is_str(s->what, "no connection within patience_ms", "and that limit");
	ok(s->connect >= 99 * SQ_MS && s->tls == -1, "with the time until then");
	bench_close(&b);
	for (size_t i = 0; i < SQ_LEN(others); i++)
		close(others[i]);
	close(fd);
}

/* Of the open files that the process may have, so many are left. */
static rlim_t leave_files(int left)
{
	struct rlimit now, less;
	int next = dup(0);

	close(next);
	getrlimit(RLIMIT_NOFILE, &now);
	less = now;
	less.rlim_cur = (rlim_t)(next + left);
	setrlimit(RLIMIT_NOFILE, &less);
	return now.rlim_cur;
}

static void restore_files(rlim_t most)
{
	struct rlimit now;

	getrlimit(RLIMIT_NOFILE, &now);
	now.rlim_cur = most;
	setrlimit(RLIMIT_NOFILE, &now);
}

/* Until all that loopback brings has come. */
static void run_on(struct bench *b)
{
	for (int i = 0; i < 100; i++) {
		ev_run(b->loop, EVRUN_NOWAIT);
		usleep(100);
	}
}

/* Fewer files than connections are wanted. */
static void test_few_files(void)
{
	const struct sample *s;
	struct dispatch d;
	struct bench b;
	rlim_t most;

	bench_open(&b, ANSWERS, 1, SQ_S);
	bench_dispatch(&b, &d);
	send_one(&b, &d, 0); /* the loop has its own files now */
	dispatch_close(&d);
	run_on(&b); /* the target closes its end */
	most = leave_files(0);
	give_due(&b, &d, 1);
	is_int(b.books->ledger.unsent[UNSENT_CONNECT], 1, "no file left: unsent{connect} at once");
	s = &b.books->errors[SAMPLE_UNSENT][0];
	is_str(s->what, strerror(EMFILE), "and why");
	ok(s->dns == -1 && s->connect == -1 && s->tls == -1, "no phase of a connection was measured");
	restore_files(most);

	ev_io_stop(b.loop, &b.target.listener);
	most = leave_files(3);
	for (uint64_t tick = 2; tick < 12; tick++)
		give_due(&b, &d, tick);
	run_on(&b);
	ok(d.conn_count == 3 && d.waiting_count == 7 && b.books->opened == 4,
	   "three files left: ten requests share three connections, those that have none wait");
	ok(d.limits.fd_exhausted > 1, "the shortage is counted: %lld", (long long)d.limits.fd_exhausted);
	restore_files(most);
	ev_io_start(b.loop, &b.target.listener);
	dispatch_until_idle(&b, &d);
	is_int(b.books->ledger.ok, 11, "all are answered");
	bench_dispatch_end(&b, &d);
}

/* A Unix socket whose queue is full says so at once, where TCP lets wait. */
static void test_full_socket(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0), accepted;
	struct dispatch d;
	struct bench b;

	snprintf(un.sun_path, sizeof un.sun_path, "/tmp/squall-test-%d", (int)getpid());
	unlink(un.sun_path);
	if (bind(fd, (struct sockaddr *)&un, sizeof un) < 0 || listen(fd, 0) < 0)
		abort();
	bench_open(&b, ANSWERS, 1, SQ_S);
	memcpy(&b.addresses.list[0].sa, &un, sizeof un);
	b.addresses.list[0].len = sizeof un;
	b.addresses.list[0].text[0] = '\0';
	if (connect(other, (struct sockaddr *)&un, sizeof un) < 0)
		abort();
	bench_dispatch(&b, &d);
	send_one(&b, &d, 0);
	is_int(b.books->ledger.unsent[UNSENT_CONNECT], 1, "nobody accepts: unsent{connect}");
	is_str(b.books->errors[SAMPLE_UNSENT][0].what,
	       "the socket's backlog is full: the target accepts too slowly", "and why");
	is_int(d.limits.fd_exhausted + d.limits.port_exhausted, 0, "which is no shortage of ours");
	close(accept(fd, NULL, NULL));
	give_due(&b, &d, 1);
	give_due(&b, &d, 2);
	run_on(&b);
	ok(d.conn_count == 1 && d.waiting_count == 1 && d.live == 2,
	   "with a connection the next request waits");
	accepted = accept(fd, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		char in[1024];

		run_on(&b);
		is_int(recv(accepted, in, sizeof in, MSG_DONTWAIT) > 0, 1, "a request comes");
		send(accepted, ANSWER, strlen(ANSWER), MSG_NOSIGNAL);
	}
	dispatch_until_idle(&b, &d);
	is_int(b.books->ledger.ok, 2, "both are answered on it");
	bench_dispatch_end(&b, &d);
	close(accepted);
	close(other);
	close(fd);
	unlink(un.sun_path);
}

int main(void)
{
	test_spread();
	test_spread_one();
	test_connect_timeout();
	test_few_files();
	test_full_socket();
	return tap_done();
}
