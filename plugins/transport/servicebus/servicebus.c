/*
 * servicebus.c - the work queue in Azure Service Bus: descriptor, options, verbs.
 *
 * AMQP 1.0 by libqpid-proton on the loop; bus.h says how it is made.
 */
#include <assert.h>
#include <errno.h>

#include "bus.h"

static const char *const auths[] = {"auto", "cbs", "plain", NULL};

static const struct sq_opt servicebus_opts[] = {
    SQ_SECRET(struct bus_conf, connection_string,
              "Connection string of the namespace or queue: with a shared access key or signature, or the "
              "Endpoint alone for workload identity. A development emulator's works, too.",
              .env = "SERVICE_BUS_CONNECTION_STRING"),
    SQ_STRING(struct bus_conf, queue, NULL,
              "The queue; if not said, the connection string's EntityPath, else load-test-requests. No "
              "sessions, and "
              "best with duplicate detection.",
              .env = "SERVICE_BUS_QUEUE_NAME"),
    SQ_INT(struct bus_conf, max_deliveries, "8", 1, 1000,
           "How often a message may fail or run out before it is put aside as a dead letter. One that ran out "
           "each time is delivered once more, only so that the reason is written into its test. At least 2 less "
           "than the queue's own maximum (10 unless changed), so that the reason can be said here."),
    SQ_DURATION(
        struct bus_conf, lock, "0s", 0, 300 * SQ_S,
        "The queue's lock duration; 0 = as the service says with each message, by the clock of this machine.",
        .flags = SQ_F_EXPERT),
    SQ_ENUM(struct bus_conf, auth, "auto", auths,
            "cbs: tokens, as Microsoft's clients (auto is this); plain: key name and key by SASL PLAIN.",
            .flags = SQ_F_EXPERT),
    SQ_STRING(struct bus_conf, tls_ca, NULL,
              "File with the certificates of the authorities that are trusted, in place of the system's.",
              .flags = SQ_F_EXPERT),
    SQ_STRING(struct bus_conf, tenant_id, NULL,
              "Microsoft Entra tenant of the workload identity; a cluster with workload identity sets it.",
              .flags = SQ_F_EXPERT, .env = "AZURE_TENANT_ID"),
    SQ_STRING(struct bus_conf, client_id, NULL, "Client id of the workload identity.", .flags = SQ_F_EXPERT,
              .env = "AZURE_CLIENT_ID"),
    SQ_STRING(struct bus_conf, token_file, NULL,
              "File with the service account's token, read anew for each token.", .flags = SQ_F_EXPERT,
              .env = "AZURE_FEDERATED_TOKEN_FILE"),
    SQ_STRING(struct bus_conf, authority_host, "https://login.microsoftonline.com/",
              "Where Microsoft Entra gives tokens.", .flags = SQ_F_EXPERT, .env = "AZURE_AUTHORITY_HOST"),
    SQ_DURATION(struct bus_conf, step_timeout, "15s", 100 * SQ_MS, 300 * SQ_S,
                "Longest wait for each step: name, connection, TLS and open, a link.", .flags = SQ_F_EXPERT),
    SQ_DURATION(struct bus_conf, idle_timeout, "60s", 1 * SQ_S, 600 * SQ_S,
                "A connection without a byte from the other side for so long is dead.", .flags = SQ_F_EXPERT),
    SQ_DURATION(struct bus_conf, token_life, "1h", 10 * SQ_S, 24 * 3600 * SQ_S,
                "How long a token that is signed with the key holds; it is renewed after three quarters.",
                .flags = SQ_F_EXPERT),
    SQ_BOOL(struct bus_conf, trace, "false",
            "Logs each AMQP frame at level debug, without anything that is secret.", .flags = SQ_F_EXPERT),
    SQ_OPTS_END};

static int servicebus_create(const struct sq_host *host, const void *conf, void **ret_self,
                             struct sq_err *err)
{
	struct bus *b = NULL;
	int r = bus_new(host, conf, &b, err);

	if (r == 0)
		*ret_self = b;
	return r;
}

static int servicebus_start(void *self, struct sq_err *err)
{
	(void)err;
	bus_start(self);
	return 0;
}

static void servicebus_drain(void *self, struct sq_op *op)
{
	bus_stop(self, op);
}

static void servicebus_destroy(void *self)
{
	bus_free(self);
}

static void servicebus_probe(void *self, struct sq_op *op, struct sq_err *err)
{
	bus_probe(self, op, err);
}

static int servicebus_publish(void *self, struct sq_publish *rq)
{
	return sender_publish(&((struct bus *)self)->sender, rq);
}

static void servicebus_credit(void *self, uint32_t most)
{
	receiver_credit(&((struct bus *)self)->receiver, most);
}

static int servicebus_settle(void *self, struct sq_settling *rq)
{
	return receiver_settle(&((struct bus *)self)->receiver, rq);
}

static int servicebus_renew(void *self, struct sq_settling *rq)
{
	return receiver_renew(&((struct bus *)self)->receiver, rq);
}

static int servicebus_cancel(void *self, struct sq_op *op)
{
	struct bus *b = self;
	int r = sender_cancel(&b->sender, op);

	if (r == -ENOENT)
		r = receiver_cancel(&b->receiver, op);
	assert(r != -ENOENT);
	return r;
}

static const struct sq_transport servicebus_transport = {.size = sizeof(struct sq_transport),
                                                         .caps = SQ_TRANSPORT_REMOTE,
                                                         .publish = servicebus_publish,
                                                         .credit = servicebus_credit,
                                                         .settle = servicebus_settle,
                                                         .renew = servicebus_renew,
                                                         .cancel = servicebus_cancel};

SQ_PLUGIN(transport, SQ_TRANSPORT, servicebus, .version = PACKAGE_VERSION,
          .summary = "A queue of Azure Service Bus, by AMQP 1.0", .opts = servicebus_opts,
          .conf_size = sizeof(struct bus_conf), .create = servicebus_create, .start = servicebus_start,
          .drain = servicebus_drain, .destroy = servicebus_destroy, .probe = servicebus_probe,
          .vt.transport = &servicebus_transport);
