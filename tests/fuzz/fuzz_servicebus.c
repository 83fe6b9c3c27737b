/* fuzz_servicebus.c - any text as a connection string, a token, the body and id of a foreign message. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/transport/servicebus/connstr.h"
#include "plugins/transport/servicebus/identity.h"
#include "plugins/transport/servicebus/sas.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, so that the fuzzer keeps the input. */
static void must(bool good)
{
	if (!good)
		abort();
}

static void connection_string(const char *text)
{
	struct connstr c = {0};

	if (connstr_parse(text, &c, NULL) == 0) {
		must(*c.host && c.port > 0 && !*c.key == !*c.key_name);
		must(!*c.key || !*c.signature);
	} else {
		must(c.text == NULL);
	}
	connstr_free(&c);
}

static void foreign(const char *data, size_t size)
{
	size_t half = size / 2;
	struct foreign f = {{data, half}, {data + half, size - half}, (int64_t)size, -1};
	char id[SQ_ID_MAX + 1];

	must(identity_foreign(&f, id) == 0 && identity_valid(id, strlen(id)));
	f.message_id.len = 0;
	f.body = (struct sq_slice){data, size};
	must(identity_foreign(&f, id) == 0 && identity_valid(id, strlen(id)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	must(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	connection_string(text);
	must(sas_expires(text) >= 0);
	foreign(text, size);
	free(text);
	return 0;
}
