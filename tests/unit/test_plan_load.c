/* test_plan_load.c - stages, the closed model, several requests, checks and data in a plan: what they become,
 * and what is refused. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "plugins/common/plan.h"
#include "core/base/template.h"
#include "tests/tap.h"

#define TARGET "http://target:8000/hit"

static struct plan *accepted(const char *text)
{
	struct plan_problems problems = {0};
	struct plan *p = NULL;
	int r = plan_read_text(text, strlen(text), TARGET, &p, NULL, &problems);

	if (!ok(r == 0 && p, "accepted: %.100s", text)) {
		printf("# %s\n", problems.text.data ? problems.text.data : "");
		exit(1);
	}
	plan_problems_free(&problems);
	return p;
}

static void refused(const char *text, const char *want)
{
	struct plan_problems problems = {0};
	struct plan *p = NULL;
	int r = plan_read_text(text, strlen(text), TARGET, &p, NULL, &problems);
	char name[80];

	snprintf(name, sizeof name, "refused: %.60s", text);
	is_str(r == -EINVAL && !p ? problems.text.data : "accepted", want, name);
	plan_problems_free(&problems);
	plan_free(p);
}

static void test_stages(void)
{
	struct plan *p = accepted(
	    "{\"stages\": [{\"duration_sec\": 10, \"hits_per_sec\": 100}, {\"duration_sec\": 0, "
	    "\"hits_per_sec\": 5.5}, {\"duration_sec\": 2.5, \"hits_per_sec\": 5.5}]}");
	struct schedule s;
	char text[TEXT_MAX * 2];

	plan_schedule(p, &s);
	ok(p->rate == 0 && p->duration == 12500 * SQ_MS && s.total == 514,
	   "from 0 to 100/s in 10 s, then 5.5/s: 513.75");
	is_int(plan_peak_rate(p), 100 * PLAN_RATE_ONE, "the peak is what limits are about");
	is_str(plan_load_text(p, text), "up to 100/s", "in a headline");
	plan_free(p);
	p = accepted("{\"hits_per_sec\": 50, \"duration_sec\": 4, \"stages\": [{\"duration_sec\": 4, "
	             "\"hits_per_sec\": 0}]}");
	plan_schedule(p, &s);
	is_int(s.total, 100, "from 50/s to 0");
	plan_free(p);
	refused("{\"stages\": 1}", "stages: must be a list of {\"duration_sec\": ..., \"hits_per_sec\": "
	                           "...}, at most 100 of them\n");
	refused("{\"stages\": [{\"duration_sec\": 1}]}",
	        "stages: stage 1 must hold duration_sec and hits_per_sec, and nothing else\n");
	refused("{\"stages\": [{\"duration_sec\": 1, \"hits_per_sec\": \"5\"}]}",
	        "stages: stage 1 must have the number hits_per_sec\n");
	refused("{\"stages\": [{\"duration_sec\": -1, \"hits_per_sec\": 5}]}",
	        "stages: stage 1: duration_sec is outside 0 .. 2592000\n");
	refused("{\"duration_sec\": 5, \"stages\": [{\"duration_sec\": 4, \"hits_per_sec\": 1}]}",
	        "duration_sec: is not the sum of the stages (4 s): leave it out, or make the last stage "
	        "longer\n");
	refused("{\"stages\": [{\"duration_sec\": 4, \"hits_per_sec\": 0}]}",
	        "stages: ask for no request at all\n");
	refused("{\"stages\": [{\"duration_sec\": 0, \"hits_per_sec\": 9}]}",
	        "stages: last 0 s together; a test lasts from 1 ms to 30 days\n");
}

static void test_max_requests(void)
{
	struct plan *p = accepted("{\"max_requests\": 1000, \"hits_per_sec\": 300}");
	struct schedule s;

	plan_schedule(p, &s);
	ok(p->duration == 3333333334 && s.total == 1000, "without a duration: as long as they take");
	plan_free(p);
	p = accepted("{\"max_requests\": 1000, \"hits_per_sec\": 300, \"duration_sec\": 2}");
	plan_schedule(p, &s);
	is_int(s.total, 600, "with one, whichever comes first");
	plan_free(p);
	refused("{\"max_requests\": 3, \"workers\": 4}",
	        "workers: 4 workers are too many for 3 requests in all\n");
	refused("{\"max_requests\": -1}", "max_requests: -1 is outside 0 .. 1000000000000\n");
}

static void test_closed(void)
{
	struct plan *p = accepted(
	    "{\"mode\": \"closed\", \"connections\": 16, \"think_ms\": 1.5, \"duration_sec\": 3}");
	struct schedule s;
	char text[TEXT_MAX * 2];

	plan_schedule(p, &s);
	ok(s.closed && p->rate == 0 && p->think == 1500 * SQ_US && s.end == 3 * SQ_S,
	   "the closed model has no rate");
	is_str(plan_load_text(p, text), "16 connections", "in a headline");
	plan_free(p);
	refused("{\"mode\": \"closed\", \"hits_per_sec\": 5}",
	        "hits_per_sec: has no meaning in the closed model, which goes as fast as its connections: "
	        "leave it or mode out\n");
	refused("{\"mode\": \"closed\", \"connections\": 2, \"workers\": 3}",
	        "connections: 2 are too few for 3 workers\n");
	refused("{\"mode\": \"closed\", \"max_requests\": 2, \"connections\": 9, \"workers\": 3}",
	        "workers: 3 workers are too many for 2 requests in all\n");
	refused("{\"connections\": 5}", "connections: belong to the closed model (\"mode\": \"closed\"); "
	                                "max_connections is the limit of one worker\n");
	refused("{\"think_ms\": 5}", "think_ms: belongs to the closed model (\"mode\": \"closed\")\n");
	refused("{\"mode\": \"open-ended\"}", "mode: must be one of open or closed\n");
}

static void test_requests(void)
{
	struct plan *p = accepted(
	    "{\"headers\": {\"A\": \"1\"}, \"expect_status\": 201, \"requests\": [{\"name\": \"a\"}, "
	    "{\"name\": \"b\", \"path\": \"/b\", \"body\": \"x\", \"weight\": 4}, "
	    "{\"name\": \"c\", \"url\": \"http://target:8000/c?d\", \"method\": \"PUT\"}]}");

	is_int(p->request_count, 3, "three requests");
	is_str(p->requests[0].path, "/hit", "what one leaves out is that of the plan");
	is_str(p->requests[0].method, "POST", "  its method");
	is_int(p->requests[0].expect_status, 201, "  its status");
	ok(strcmp(p->requests[1].method, "POST") == 0 && p->requests[1].body_len == 1,
	   "a body of its own is posted");
	is_str(p->requests[2].path, "/c?d", "a URL of the same place is a path");
	plan_free(p);
	refused("{\"url\": \"x\", \"method\": 5, \"body\": 5, \"requests\": [{\"name\": \"a\"}]}",
	        "body: must be a string (text to send with each request)\nmethod: must be a string (GET, "
	        "POST, PUT, "
	        "...)\n");
	refused("{\"url\": \"ftp://x\", \"requests\": [{\"name\": \"a\"}]}",
	        "url: \"ftp\" is not a scheme that can be loaded: use http:// or https://\n");
	refused("{\"requests\": [{}]}", "requests: must be a list of requests, each with a name\n");
	refused("{\"requests\": [{\"name\": \"a\"}, {\"name\": \"a\"}]}",
	        "requests: two have the name \"a\"\n");
	refused("{\"requests\": [{\"name\": \"a\", \"pth\": \"/\"}]}",
	        "requests.a.pth: is not a member of a request; there are name, weight, method, url, path, "
	        "headers, body, "
	        "expect_status, checks\n");
	refused("{\"requests\": [{\"name\": \"a\", \"weight\": 0}]}",
	        "requests.a.weight: must be a whole number of 1 .. 10000\n");
	refused("{\"requests\": [{\"name\": \"a\", \"path\": \"b\"}]}",
	        "requests.a.path: must begin with /\n");
	refused("{\"requests\": [{\"name\": \"a\", \"url\": \"http://other:8000/\"}]}",
	        "requests.a.url: is at another place than the plan's url: one test loads one scheme, host "
	        "and port\n");
	refused("{\"requests\": [{\"name\": \"a\", \"headers\": {\"Content-Length\": \"1\"}}]}",
	        "requests.a.headers: \"Content-Length\" cannot be set: it is computed from the body\n");
	refused("{\"requests\": [{\"name\": \"a\", \"checks\": [{\"colour\": 1}]}]}",
	        "requests.a.checks: \"colour\" is no condition: there are status, header with contains, "
	        "body, min_bytes, "
	        "max_bytes, max_ms\n");
}

/* A body of 1 MB that three requests inherit is too much for those who read the effective plan. */
static void test_size(void)
{
	size_t len = 1 << 20;
	char *text = malloc(len + 256);
	struct plan_problems problems = {0};
	struct plan *p = NULL;

	sprintf(text, "{\"body\": \"%0*d\", \"requests\": [{\"name\": \"a\"}, {\"name\": \"b\"}]}",
	        (int)len - 10, 0);
	is_int(plan_read_text(text, strlen(text), TARGET, &p, NULL, &problems), -EINVAL,
	       "too long when written out");
	ok(problems.text.data &&
	       strstr(problems.text.data, "requests: the plan with all that requests inherit"),
	   "and that is said");
	plan_problems_free(&problems);
	free(text);
}

static void test_checks(void)
{
	refused("{\"checks\": [{\"status\": 99}]}",
	        "checks: status must be a status, or a range like \"200-299\"\n");
	refused("{\"checks\": [{\"status\": \"2xx\"}]}",
	        "checks: status must be a status, or a range like \"200-299\"\n");
	refused("{\"checks\": [{\"contains\": \"a\", \"body\": \"b\"}]}",
	        "checks: contains needs the header that it is about\n");
	refused("{\"checks\": [{\"body\": \"\"}]}", "checks: body is empty\n");
	refused("{\"checks\": [{\"min_bytes\": 5, \"max_bytes\": 4}]}",
	        "checks: min_bytes is more than max_bytes\n");
	refused("{\"checks\": [{\"max_ms\": \"5\"}]}", "checks: max_ms must be a number of 0 .. 3600000\n");
}

static void test_templates(void)
{
	struct plan *p = accepted(
	    "{\"url\": \"http://target:8000/{{random 1 9}}\", \"data\": [{\"u\": \"a\", \"n\": 1.50, "
	    "\"b\": true}], \"body\": \"{{ row.u }}{{row.n}}{{row.b}}\"}");

	ok(p->data->rows == 1 && p->data->columns == 3, "a row of three");
	ok(p->data->cells[1].len == 4 && memcmp(p->data->cells[1].data, "1.50", 4) == 0,
	   "a number as it was written");
	plan_free(p);
	refused("{\"body\": \"{{sequence}}\"}", "body: {{sequence}} is unknown; there are {{seq}}, {{uuid}}, "
	                                        "{{random 1 100}} and {{row.NAME}}; {{{{ stands "
	                                        "for two braces\n");
	refused("{\"body\": \"{{seq\"}", "body: \"{{\" without its \"}}\"; {{{{ stands for two braces\n");
	refused("{\"body\": \"{{random 5 1}}\"}",
	        "body: {{random 5 1}} wants two whole numbers, the lower one first\n");
	refused("{\"body\": \"{{row.x}}\"}", "body: {{row.x}}: the plan's data has no such column\n");
	refused("{\"headers\": {\"A\": \"{{env HOME}}\"}}",
	        "headers: {{env NAME}} is for plans that squall run reads: put the value in its place\n");
	refused("{\"headers\": {\"A\": \"{{row.x}}\"}, \"data\": [{\"x\": \"a\"}, {\"x\": \"b\\r\\nC: d\"}]}",
	        "headers: {{row.x}}: row 2 cannot stand in a header: it has a line break or another control "
	        "character\n");
	refused("{\"url\": \"http://target:8000/{{row.x}}\", \"data\": [{\"x\": \"a b\"}]}",
	        "url: {{row.x}}: row 1 cannot stand in a path: it has a blank or another character that must "
	        "be encoded "
	        "(%20)\n");
	refused("{\"url\": \"http://target:8000/{{{{ x\"}",
	        "url: has a blank or another character outside of {{ }} that must be encoded (%20)\n");
	refused("{\"data\": [{\"x\": 1}, {\"y\": 1}]}",
	        "data: row 2 must have the members of the first one, each a text, a number or a boolean\n");
	refused("{\"data\": [{\"x\": [1]}]}",
	        "data: row 1 must have the members of the first one, each a text, a number or a boolean\n");
	refused("{\"data\": [{\"a b\": 1}]}", "data: \"a b\" cannot be the name of a column\n");
}

int main(void)
{
	test_stages();
	test_max_requests();
	test_closed();
	test_requests();
	test_size();
	test_checks();
	test_templates();
	return tap_done();
}
