'use strict';
/*
 * conformance.js - the real client of Azure Service Bus judges the test broker.
 *
 *     NODE_EXTRA_CA_CERTS=ca.pem node conformance.js CONNECTION_STRING CONTROL_PORT
 *
 * prints TAP. What passes here is what the client takes for Service Bus; without it the broker would only
 * share our own reading of the documents.
 */
const { ServiceBusClient } = require('@azure/service-bus');
const http = require('http');

const [connection, controlPort] = process.argv.slice(2);
let n = 0, failed = 0;
function ok(good, what, note) {
	n++;
	failed += !good;
	console.log((good ? '' : 'not ') + 'ok ' + n + ' - ' + what);
	if (!good && note !== undefined)
		console.log('#   ' + String(note).replace(/\n/g, '\n#   '));
}
const equal = (got, want, what) => ok(JSON.stringify(got) === JSON.stringify(want), what, 'got ' + JSON.stringify(got) + '\nwant ' + JSON.stringify(want));
const pause = (ms) => new Promise((r) => setTimeout(r, ms));

function control(verb, o) {
	return new Promise((resolve, reject) => {
		const rq = http.request({ host: '127.0.0.1', port: controlPort, path: '/' + verb, method: 'POST' }, (answer) => {
			let text = '';
			answer.on('data', (d) => { text += d; });
			answer.on('end', () => resolve(JSON.parse(text)));
		});
		rq.on('error', reject);
		rq.end(JSON.stringify(o || {}));
	});
}

async function refusal(promise) {
	try {
		await promise;
		return 'none';
	} catch (e) {
		return (e.errors ? e.errors[e.errors.length - 1] : e).code || e.name; /* of the last try */
	}
}

const retry = { retryOptions: { maxRetries: 2, retryDelayInMs: 100, timeoutInMs: 5000 } };

async function sends(client, q) {
	await control('create', { name: q, lock_ms: 30000 });
	const sender = client.createSender(q), receiver = client.createReceiver(q);
	await sender.sendMessages({ body: { hits_per_sec: 5 }, messageId: 'm1', applicationProperties: { a: 1 }, subject: 's' });
	const [m] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 5000 });
	equal([m.body, m.messageId, m.applicationProperties.a, m.subject], [{ hits_per_sec: 5 }, 'm1', 1, 's'], 'a message comes as it was sent');
	equal([m.deliveryCount, m.sequenceNumber.toNumber()], [0, 1], 'for the first time, the first of its queue');
	ok(m.enqueuedTimeUtc instanceof Date && m.lockedUntilUtc > new Date(), 'with its times');
	const first = m.lockedUntilUtc;
	await pause(20);
	ok((await receiver.renewMessageLock(m)) > first, 'its lock is renewed');
	await receiver.completeMessage(m);
	equal((await control('state', { name: q })).counts.completed, 1, 'and it is completed');
	const batch = await sender.createMessageBatch();
	for (let i = 0; i < 5; i++)
		batch.tryAddMessage({ body: 'b' + i, messageId: 'b' + i });
	await sender.sendMessages(batch);
	const all = await receiver.receiveMessages(5, { maxWaitTimeInMs: 5000 });
	equal(all.map((x) => x.messageId), ['b0', 'b1', 'b2', 'b3', 'b4'], 'a batch comes as its messages, in order');
	/* One after the other: rhea, which is the client's too, merges neighbours with different outcomes. */
	for (const [i, verb] of ['completeMessage', 'abandonMessage', 'completeMessage', 'deferMessage', 'completeMessage'].entries())
		await receiver[verb](all[i]);
	const [again] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 5000 });
	equal([again.messageId, again.deliveryCount], ['b1', 1], 'what was abandoned comes again, counted');
	await receiver.deadLetterMessage(again, { deadLetterReason: 'bad', deadLetterErrorDescription: 'very' });
	const dlq = client.createReceiver(q, { subQueueType: 'deadLetter' });
	const [dead] = await dlq.receiveMessages(1, { maxWaitTimeInMs: 5000 });
	equal([dead.messageId, dead.deadLetterReason, dead.deadLetterErrorDescription], ['b1', 'bad', 'very'], 'a dead letter says why');
	await dlq.completeMessage(dead);
	await sender.sendMessages([{ body: 1, messageId: 'p1' }, { body: 2, messageId: 'p2' }]);
	equal((await receiver.peekMessages(5)).map((x) => x.messageId), ['p1', 'p2'], 'they can be peeked at');
	const once = client.createReceiver(q, { receiveMode: 'receiveAndDelete' });
	equal((await once.receiveMessages(2, { maxWaitTimeInMs: 5000 })).map((x) => x.messageId), ['p1', 'p2'], 'or taken without a lock');
	equal((await receiver.receiveMessages(1, { maxWaitTimeInMs: 300 })).length, 0, 'an empty queue is empty');
	for (const x of [sender, receiver, dlq, once])
		await x.close();
}

async function locks(client, q) {
	await control('create', { name: q, lock_ms: 1500, max_delivery: 3 });
	const sender = client.createSender(q), receiver = client.createReceiver(q, { maxAutoLockRenewalDurationInMs: 0 });
	await sender.sendMessages({ body: 'x', messageId: 'l1' });
	const [m] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 5000 });
	await pause(2200);
	equal(await refusal(receiver.completeMessage(m)), 'MessageLockLost', 'completing after the lock ran out is refused');
	equal(await refusal(receiver.renewMessageLock(m)), 'MessageLockLost', 'and so is renewing it');
	const [again] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 5000 });
	equal([again.messageId, again.deliveryCount], ['l1', 1], 'it comes again, counted');
	await receiver.abandonMessage(again);
	await receiver.abandonMessage((await receiver.receiveMessages(1, { maxWaitTimeInMs: 5000 }))[0]);
	const dlq = client.createReceiver(q, { subQueueType: 'deadLetter' });
	equal((await dlq.receiveMessages(1, { maxWaitTimeInMs: 5000 }))[0].deadLetterReason, 'MaxDeliveryCountExceeded', 'and is dead when it came too often');
	await control('create', { name: q, duplicates_ms: 60000 });
	for (let i = 0; i < 3; i++)
		await sender.sendMessages({ body: 'same', messageId: 'same' });
	equal((await control('state', { name: q })).waiting.length, 1, 'duplicates are dropped without a word');
	for (const x of [sender, receiver, dlq])
		await x.close();
}

async function troubles(client, q) {
	await control('create', { name: q, duplicates_ms: 60000 }); /* the client sends again what it is not sure of */
	const sender = client.createSender(q), receiver = client.createReceiver(q);
	await control('faults', { busy: 2 });
	await sender.sendMessages({ body: 1, messageId: 't1' });
	equal((await control('state', { name: q })).waiting.length, 1, 'a busy server is asked again');
	equal(await refusal(client.createSender('nowhere').sendMessages({ body: 1 })), 'MessagingEntityNotFound', 'a queue that is not there is said so');
	await control('detach');
	await pause(300); /* a send that meets it on its way is not tried again by this client */
	await sender.sendMessages({ body: 2, messageId: 't2' });
	await control('close');
	await pause(300);
	await sender.sendMessages({ body: 3, messageId: 't3' });
	await control('drop');
	await pause(300);
	await sender.sendMessages({ body: 4, messageId: 't4' });
	const got = [];
	while (got.length < 4)
		for (const m of await receiver.receiveMessages(4, { maxWaitTimeInMs: 3000 }))
			got.push(m.messageId);
	equal(got, ['t1', 't2', 't3', 't4'], 'after detach, close and drop the client goes on');
	await control('expire');
	await control('faults', { refuse_claims: true });
	equal(await refusal(sender.sendMessages({ body: 5 })), 'UnauthorizedAccess', 'a refused token is said so');
	await control('faults', { refuse_claims: false });
	await sender.close();
	await receiver.close();
	const wrong = new ServiceBusClient(connection.replace(/SharedAccessKey=[^;]*/, 'SharedAccessKey=wrong'), retry);
	equal(await refusal(wrong.createSender(q).sendMessages({ body: 1 })), 'UnauthorizedAccess', 'a wrong key, too');
	await wrong.close();
}

(async () => {
	const client = new ServiceBusClient(connection, retry);
	await sends(client, 'conformance-1');
	await locks(client, 'conformance-2');
	await troubles(client, 'conformance-3');
	await client.close();
	console.log('1..' + n);
	process.exit(failed ? 1 : 0);
})().catch((e) => {
	console.log('Bail out! ' + e.stack);
	process.exit(1);
});
