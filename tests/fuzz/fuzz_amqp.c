/* fuzz_amqp.c - any bytes as a message from the queue: what is read names a test that the store can hold. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/transport/servicebus/identity.h"
#include "plugins/transport/servicebus/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, so that the fuzzer keeps the input. */
static void must(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arrival a;
	int r = message_read((struct sq_slice){(const char *)data, size}, &a);

	must(r == 0 || r == -EBADMSG);
	if (r < 0)
		return 0;
	must(a.body || a.body_len == 0);
	must(identity_valid(a.id, strlen(a.id)) || (!a.foreign && !*a.id));
	free(a.body);
	return 0;
}
