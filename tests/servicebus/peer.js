'use strict';
/*
 * peer.js - the real client of Azure Service Bus, for messages to and from squall.
 *
 *     node peer.js CONNECTION_STRING send QUEUE MESSAGE...   each a JSON object: what the client's sendMessages takes,
 *                                                             or with "raw", a text that is sent as it is
 *     node peer.js CONNECTION_STRING receive|dead QUEUE N     takes N messages (dead: dead letters), one JSON line each
 */
const { ServiceBusClient } = require('@azure/service-bus');

const [connection, verb, queue, ...rest] = process.argv.slice(2);

(async () => {
	const client = new ServiceBusClient(connection);
	if (verb === 'send') {
		await client.createSender(queue).sendMessages(rest.map((m) => JSON.parse(m)).map((m) => (m.raw ? { ...m, body: Buffer.from(m.raw) } : m)));
	} else {
		const receiver = client.createReceiver(queue, verb === 'dead' ? { subQueueType: 'deadLetter' } : {});
		for (let left = Number(rest[0]); left > 0;) {
			const got = await receiver.receiveMessages(left, { maxWaitTimeInMs: 10000 });
			if (got.length === 0)
				break;
			for (const m of got) {
				console.log(JSON.stringify({ body: m.body, messageId: m.messageId, contentType: m.contentType,
					properties: m.applicationProperties, reason: m.deadLetterReason, description: m.deadLetterErrorDescription }));
				await receiver.completeMessage(m);
			}
			left -= got.length;
		}
	}
	await client.close();
	process.exit(0);
})().catch((e) => {
	console.error(e.stack);
	process.exit(1);
});
