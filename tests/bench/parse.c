/*
 * parse.c - what it costs to parse the head of a message (core/base/http_parse.h).
 *
 *     parse [ROUNDS]     for each message a line: NAME BYTES FIELDS NS, the median of rounds that are
 *                        interleaved, each of some thousand heads
 */
#include "core/base/http_parse.h"
#include "tests/bench/bench.h"

#define ROUNDS_MAX 1000
#define HEADS 4000

static const struct message {
	const char *name, *text;
	bool request;
} messages[] = {
    {"small-response",
     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\nX-Squall-Store: "
     "3f1c9a52\r\n\r\n",
     false},
    {"response",
     "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sat, 28 Nov 2026 17:30:00 GMT\r\n"
     "Content-Type: text/html; charset=utf-8\r\nContent-Length: 612\r\n"
     "Last-Modified: Mon, 02 Nov 2026 09:12:44 GMT\r\nConnection: keep-alive\r\n"
     "ETag: \"6547d2bc-264\"\r\nAccept-Ranges: bytes\r\n\r\n",
     false},
    {"squall-request",
     "POST /hit HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: squall/0.1.0\r\n"
     "X-Squall-Test: 0f9c6b5e-7a7a-4bd4-9b1a-52c1d5a0f0aa\r\nContent-Length: 0\r\n\r\n",
     true},
    {"browser-request",
     "GET /tests/7f3k9m2q?tab=latency HTTP/1.1\r\nHost: squall.example.com\r\nConnection: keep-alive\r\n"
     "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
     "Safari/537.36\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n"
     "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\n"
     "Referer: http://squall.example.com/\r\nCache-Control: max-age=0\r\n\r\n",
     true},
};

static uint32_t parse(const struct message *m, size_t len)
{
	struct http_head head;
	size_t scanned = 0;
	int n = m->request ? http_parse_request(&head, m->text, len, 16384, &scanned)
	                   : http_parse_response(&head, m->text, len, 16384, &scanned, false);

	if (n != (int)len) {
		fprintf(stderr, "parse: %s is not understood (%d)\n", m->name, n);
		exit(1);
	}
	return head.header_count;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static int64_t took[SQ_LEN(messages)][ROUNDS_MAX];
	int rounds = argc > 1 ? atoi(argv[1]) : 200;
	uint32_t fields[SQ_LEN(messages)];

	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: parse [ROUNDS]\n");
		return 2;
	}
	for (int round = 0; round < rounds; round++)
		for (size_t i = 0; i < SQ_LEN(messages); i++) {
			size_t len = strlen(messages[i].text);
			int64_t from = bench_now();

			for (int n = 0; n < HEADS; n++)
				fields[i] = parse(&messages[i], len);
			took[i][round] = bench_now() - from;
		}
	for (size_t i = 0; i < SQ_LEN(messages); i++) {
		qsort(took[i], (size_t)rounds, sizeof took[i][0], by_size);
		printf("%s %zu %u %.1f\n", messages[i].name, strlen(messages[i].text), fields[i],
		       (double)took[i][rounds / 2] / HEADS);
	}
	return 0;
}
