/* test_own_url.c - the URL that others are told for a listener. */
#include <stdlib.h>
#include <string.h>

#include "core/host/own_url.h"
#include "tests/tap.h"

static void is(const char *pod_ip, const char *bound, const char *want)
{
	char got[HTTP_URL_MAX];

	if (pod_ip)
		setenv("POD_IP", pod_ip, 1);
	else
		unsetenv("POD_IP");
	own_url(bound, got);
	ok(strcmp(got, want) == 0, "%s with POD_IP %s: %s", bound, pod_ip ? pod_ip : "unset", got);
}

int main(void)
{
	char got[HTTP_URL_MAX];

	is("10.244.0.7", "http://0.0.0.0:8000", "http://10.244.0.7:8000");
	is("10.244.0.7", "http://[::]:8000", "http://10.244.0.7:8000");
	is("fd00::7", "http://[::]:8000", "http://[fd00::7]:8000");
	is("10.244.0.7", "http://127.0.0.1:8000", "http://127.0.0.1:8000");
	is("10.244.0.7", "http://[::1]:8000", "http://[::1]:8000");
	is("10.244.0.7", "unix:/run/squall.sock", "unix:/run/squall.sock");
	unsetenv("POD_IP");
	own_url("http://0.0.0.0:8000", got);
	ok(strstr(got, "//0.0.0.0") == NULL && strcmp(got + strlen(got) - 5, ":8000") == 0,
	   "an address of this machine: %s", got);
	setenv("POD_IP", "nonsense", 1);
	own_url("http://0.0.0.0:8000", got);
	ok(strstr(got, "nonsense") == NULL && strstr(got, "//0.0.0.0") == NULL,
	   "what is no address is not told: %s", got);
	return tap_done();
}
