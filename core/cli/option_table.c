/* option_table.c - the options of squall, and those of others that it knows by name. */
#include <stddef.h>

#include "options.h"
#include "plan_put.h"

#define HELD offsetof /* where a row keeps its value */

#define FLAG(commands, name, field, help)                                                           \
	{                                                                                           \
		0, name, NULL, commands, OPTION_FLAG, help, HELD(struct options, field), NULL, NULL \
	}
#define TEXT(letter, name, arg, commands, field, help)                                                  \
	{                                                                                               \
		letter, name, arg, commands, OPTION_TEXT, help, HELD(struct options, field), NULL, NULL \
	}
#define FIELD(letter, name, arg, field, put, help)                          \
	{                                                                   \
		letter, name, arg, C_RUN, OPTION_FIELD, help, 0, field, put \
	}

/* clang-format off */
const struct option_row option_rows[] = {
	FIELD('r', "rate", "RATE", "hits_per_sec", plan_put_rate,
		"requests per second over all workers: 500, 500/s, 30/1m, 10k (default 10)"),
	FIELD('R', NULL, "RATE", "hits_per_sec", plan_put_rate, NULL),
	FIELD('d', NULL, "TIME", "duration_sec", plan_put_duration,
		"how long: 30 or 30s, 5m, 1h (default 10s)"),
	FIELD('w', "workers", "N", "workers", plan_put_whole, "number of workers (default 1)"),
	FIELD('c', "connections", "N", "max_connections", plan_put_count,
		"without -r: N connections over all workers, as fast as they go; with it the most of one worker "
		"(default 1000)"),
	FIELD('n', "requests", "N", "max_requests", plan_put_count, "stop after N requests over all workers"),
	FIELD(0, "stage", "TIME:RATE", "stages", plan_put_stage,
		"go to this rate in a straight line, like 10s:1000, from -r or 0; may be repeated"),
	FIELD(0, "warmup", "TIME", "warmup_sec", plan_put_seconds, "load before what is measured"),
	FIELD(0, "arrival", "KIND", "arrival", plan_put_text, "uniform (default) or poisson"),
	FIELD(0, "seed", "N", "seed", plan_put_whole, "what random arrivals and values are drawn from (default 1)"),
	FIELD(0, "think", "TIME", "think_ms", plan_put_millis,
		"with -c and without -r: from the end of a request to the next one of its connection"),
	FIELD('X', "method", "METHOD", "method", plan_put_text, "default GET, with a body POST"),
	FIELD(0, "request", "METHOD", "method", plan_put_text, NULL),
	FIELD('H', "header", "'NAME: VALUE'", "headers", plan_put_header, "may be repeated"),
	FIELD('b', "body", "TEXT|@FILE", "body", plan_put_body, "what to send with each request"),
	FIELD('A', "user-agent", "TEXT", NULL, plan_put_agent, "instead of squall/VERSION"),
	FIELD('u', "user", "NAME:PASSWORD", NULL, plan_put_user, "basic authentication"),
	FIELD('k', "insecure", NULL, "tls", plan_put_tls_flag, "accept any certificate"),
	FIELD(0, "cacert", "FILE", "tls", plan_put_pem,
		"trust these authorities (PEM) instead of the system's"),
	FIELD(0, "cert", "FILE", "tls", plan_put_pem, "the client's certificate (PEM); may hold its key too"),
	FIELD(0, "key", "FILE", "tls", plan_put_pem, "and its private key (PEM, no pass phrase)"),
	FIELD(0, "tls-resume", NULL, "tls", plan_put_tls_flag,
		"take up TLS sessions again (default: each handshake is a full one, as of new visitors)"),
	FIELD(0, "resolve", "HOST:PORT:ADDRESS", "resolve", plan_put_entry,
		"the addresses of a host, separated by commas; may be repeated"),
	FIELD(0, "connect-to", "HOST1:PORT1:HOST2:PORT2", "connect_to", plan_put_entry,
		"connect to another place; may be repeated"),
	FIELD(0, "unix-socket", "FILE", "unix_socket", plan_put_socket, "connect to this socket"),
	FIELD(0, "requests-per-connection", "N", "requests_per_connection", plan_put_whole,
		"then it is closed; 1: a new one for each (default: as many as the target allows)"),
	FIELD(0, "dns-ttl", "TIME", "dns_ttl_sec", plan_put_seconds,
		"look the target's name up again that often, 0 for never (default 30s)"),
	FIELD(0, "timeout", "TIME", "timeout_ms", plan_put_millis,
		"longest wait for an answer (default 30s)"),
	FIELD(0, "connect-timeout", "TIME", "timeouts_ms", plan_put_step,
		"longest look-up, connecting, and TLS handshake, each (default: the timeout)"),
	FIELD(0, "first-byte-timeout", "TIME", "timeouts_ms", plan_put_step,
		"longest wait for an answer to begin (default: the timeout)"),
	FIELD(0, "patience", "TIME", "patience_ms", plan_put_millis,
		"longest wait of a due request for a connection (default: the timeout)"),
	FIELD(0, "drain", "TIME", "drain_sec", plan_put_seconds,
		"longest wait for the last answers (default: the timeout)"),
	FIELD(0, "max-in-flight", "N", "max_in_flight", plan_put_whole,
		"most requests of one worker that are due and not ended"),
	FIELD(0, "expect-status", "CODE", "expect_status", plan_put_whole,
		"the status that is ok (default: any of 200-399)"),
	FIELD(0, "check", "CONDITION", "checks", plan_put_check,
		"of each answer: status=200, 'header NAME~TEXT', body~TEXT, size<=1000, time<=250ms; may be repeated"),
	FIELD(0, "data-file", "FILE", "data", plan_put_data,
		"rows for {{row.NAME}} in URL, headers and body: a .csv with names in its first line, or JSON lines"),
	FIELD(0, "threshold", "EXPRESSION", "thresholds", plan_put_threshold,
		"'p(99)<250' (ms, from when due) or 'http_req_failed rate<0.01'; may be repeated"),
	FIELD(0, "on-worker-loss", "KIND", "on_worker_loss", plan_put_text,
		"abort, degrade (go on without it) or redistribute (others send its requests)"),
	FIELD(0, "timer", "KIND", "timer", plan_put_text,
		"how exactly requests leave: auto, precise, balanced, economy"),
	FIELD(0, "name", "TEXT", "name", plan_put_text, "a name for people"),
	TEXT('f', "plan", "FILE", C_RUN, plan_file,
		"a plan in JSON, - for standard input; options override it"),
	{'o', "output", "FILE", C_RUN | C_REPORT, OPTION_OUTPUT,
		"also write FILE.json, .txt, .csv (second by second) or .hgrm; may be repeated", 0, NULL, NULL},
	FLAG(C_RUN | C_LIST | C_SHOW | C_WAIT | C_REPORT | C_SELFTEST, "json", json,
		"one JSON document on standard output and nothing else"),
	FLAG(C_RUN | C_WATCH | C_WAIT, "strict", strict, "exit with 98 also when the generator is suspect"),
	FLAG(C_RUN | C_WATCH | C_WAIT, "allow-invalid", allow_invalid, "never exit with 98"),
	FLAG(C_RUN, "detach", detach, "print the test's id and leave; needs a gateway"),
	FLAG(C_RUN, "dry-run", dry_run, "print the plan and when the first requests are due; send nothing"),
	FLAG(C_RUN, "debug", debug, "send one request and show both sides with their times"),
	TEXT(0, "gateway", "URL", C_ANY, gateway, "the gateway to ask (SQUALL_GATEWAY)"),
	TEXT(0, "key-file", "FILE", C_ANY, key_file, "holds the gateway's API key (or: SQUALL_API_KEY)"),
	{'h', "help", NULL, C_ANY, OPTION_HELP, "print this", 0, NULL, NULL},
	{'V', "version", NULL, C_ANY, OPTION_VERSION, "print the version", 0, NULL, NULL},
	{0, NULL, NULL, 0, OPTION_FLAG, NULL, 0, NULL, NULL},
};
/* clang-format on */

/* Words of other tools (notes: wrk, hey, oha, vegeta, k6, ab, curl). A word stands before the letter
 * that it begins with. */
const struct option_refusal option_refusals[] = {
    {"-rate", "is vegeta's rate; squall has -r"},
    {"-duration", "is vegeta's duration; squall has -d"},
    {"-targets", "is vegeta's list of targets; squall takes one URL, or a plan (-f)"},
    {"-workers", "is vegeta's workers; squall has -w"},
    {"-body", "is vegeta's body; squall has -b @FILE"},
    {"-header", "is vegeta's header; squall has -H"},
    {"-timeout", "is vegeta's timeout; squall has --timeout"},
    {"-disable", "is hey's; squall follows no redirects, and reuses connections where it can"},
    {"-t", "is wrk's threads; squall has workers (-w) and connections (-c)"},
    {"-z", "is hey's and oha's duration; squall has -d"},
    {"-q", "is hey's and oha's rate; squall has -r, which counts over all workers"},
    {"-m", "is hey's and oha's method; squall has -X"},
    {"-s", "is wrk's script; squall has -X, -H and -b, and plans (-f)"},
    {"-L", "is wrk's latency and curl's redirects; squall always prints latencies and follows no redirects"},
    {"-D", "is hey's body from a file; squall has -b @FILE"},
    {"-T", "is hey's content type; squall has -H 'Content-Type: ...'"},
    {"-i", "is k6's iterations; squall has -n"},
    {"--iterations", "is k6's; squall has -n"},
    {"--vus", "is k6's virtual users; squall has connections (-c) and a rate (-r)"},
    {"--rps", "is k6's rate; squall has -r"},
    {"--duration", "is k6's duration; squall has -d"},
    {"--latency", "is wrk's; squall always prints latencies"},
    {"--threads", "is wrk's threads; squall has workers (-w) and connections (-c)"},
    {"--data", "is curl's body; squall has -b, and -d is the duration"},
    {"--location", "is curl's; squall follows no redirects: test the address that they lead to"},
    {NULL, NULL},
};
