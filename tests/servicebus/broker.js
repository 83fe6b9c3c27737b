'use strict';
/*
 * broker.js - a broker for tests with the semantics of Azure Service Bus, for as much of it as squall and its
 * tests use: peek-lock, settlement in second mode, CBS with SAS tokens, $management, dead letters.
 *
 *     node broker.js '{"port":0,"tls_port":0,"control_port":0,"cert":"f.pem","key":"k.pem","keys":{"name":"key"},...}'
 *
 * prints one line {"port","tls_port","control_port"} when it listens, on 127.0.0.1 if host does not say otherwise, and
 * ends when its standard input does. The conformance run of the real client (conformance.js) is what says that it is right.
 * The control port takes JSON by POST; control.js says what.
 */
const fs = require('fs');
const rhea = require('rhea');
const { Queue } = require('./queue');
const wire = require('./wire');
const { control } = require('./control');

const { message, types } = rhea;
const options = Object.assign({
	host: '127.0.0.1', port: 0, tls_port: 0, control_port: 0, keys: { RootManageSharedAccessKey: 'SAS_KEY_VALUE' },
	jwt: [], /* tokens that are taken as they are */
	idle_time_out: 120000, claim_ms: 20000, queues: { 'load-test-requests': {} },
}, JSON.parse(process.argv[2] || '{}'));

const broker = {
	options,
	queues: new Map(),
	connections: new Set(),
	faults: {}, /* busy: n, refuse_claims, refuse_open, refuse_attach: condition, swallow, swallow_sends, refuse_management */
	counts: { connections: 0, claims: 0, attaches: 0 },

	create(name, o) {
		if (this.queues.has(name.toLowerCase()))
			this.queues.get(name.toLowerCase()).clear();
		const q = new Queue(name, o);
		this.queues.set(name.toLowerCase(), q);
		this.queues.set((name + '/$deadletterqueue').toLowerCase(), q.dead);
	},
	find(address) {
		return this.queues.get(String(address || '').replace(/^\//, '').toLowerCase());
	},
};
for (const [name, o] of Object.entries(options.queues))
	broker.create(name, o);

const container = rhea.create_container({ id: 'broker' });
container.sasl_server_mechanisms.enable_plain((user, password) => options.keys[user] === password && !broker.faults.refuse_claims);
container.sasl_server_mechanisms.enable_anonymous();

const failure = (condition, description) => ({ condition, description });
const BUSY = failure('com.microsoft:server-busy', "The request was terminated because the namespace is being throttled. Error code : 50009. Please wait 2 seconds and try again.");
const LOST = failure('com.microsoft:message-lock-lost', 'The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue.');

/* --- answers: one disposition at a time, since rhea merges neighbours whose outcomes differ --- */

const answers = [];
function answer(delivery, state) {
	answers.push([delivery, state]);
	if (answers.length === 1)
		setImmediate(answerNext);
}
function answerNext() {
	const [delivery, state] = answers.shift();
	try {
		delivery.update(true, state);
		delivery.remote_settled = true; /* else it stays in rhea's ring for ever */
	} catch (e) { /* its connection is gone */ }
	if (answers.length > 0)
		setImmediate(answerNext);
}
const accepted = () => message.accepted().described();
const rejected = (error) => message.rejected({ error }).described();

/* --- claims --- */

function claimed(connection, entity) {
	if (connection.squall.plain)
		return true;
	const wanted = ('sb/' + entity).toLowerCase();
	for (const [audience, until] of connection.squall.claims) {
		const path = audience.replace(/^[a-z]+:\/\/[^/]*\/?/i, 'sb/').replace(/\/$/, '').toLowerCase();
		if (until > Date.now() && (path === 'sb' || wanted === path || wanted.startsWith(path + '/')))
			return true;
	}
	return false;
}

function claimProblem(type, token, audience) {
	if (broker.faults.refuse_claims)
		return 'refused by order';
	if (type === 'servicebus.windows.net:sastoken')
		return wire.sasProblem(token, audience, options.keys, Date.now());
	if (type === 'jwt')
		return options.jwt.includes(token) ? null : 'this JWT is unknown';
	return 'tokens of type ' + type + ' are not known';
}

function putToken(connection, m) {
	const p = m.application_properties || {}, token = String(m.body);
	if (p.operation !== 'put-token')
		return [400, 'no put-token'];
	const problem = claimProblem(p.type, token, p.name);
	broker.counts.claims++;
	if (problem)
		return [401, 'InvalidSignature: ' + problem];
	const se = /[&\s]se=(\d+)/.exec(token);
	connection.squall.claims.set(p.name, se ? Number(se[1]) * 1000 : Date.now() + 3600000);
	return [202, 'Accepted'];
}

/* Tokens that ran out close what they had opened. */
function expireClaims(connection) {
	connection.each_link((l) => {
		const q = l.squall && l.squall.entity;
		if (q && !claimed(connection, q))
			l.close(failure('amqp:unauthorized-access', 'ExpiredToken: the token has expired'));
	});
}

/* --- $management --- */

const tokensOf = (list) => list.map((t) => wire.guidOrder(Buffer.from(t)));
const GONE = [410, 'The lock supplied is invalid.', 'com.microsoft:message-lock-lost'];
const management = {
	'com.microsoft:renew-lock'(q, body) {
		const until = tokensOf(body['lock-tokens']).map((t) => q.renew(t));
		if (until.some((u) => u === undefined))
			return GONE;
		return [200, 'OK', null, { expirations: types.wrap_array(until, 0x83) }];
	},
	'com.microsoft:update-disposition'(q, body) {
		const verbs = {
			completed: (t) => q.complete(t), abandoned: (t) => q.abandon(t), defered: (t) => q.defer(t),
			suspended: (t) => q.deadLetter(t, body['deadletter-reason'], body['deadletter-description']),
		};
		const verb = verbs[body['disposition-status']];
		if (!verb)
			return [400, 'no such disposition', 'amqp:not-implemented'];
		return tokensOf(body['lock-tokens']).map(verb).every((m) => m) ? [200, 'OK'] : GONE;
	},
	'com.microsoft:peek-message'(q, body) {
		const found = q.peek(Number(body['from-sequence-number']), body['message-count']);
		if (found.length === 0)
			return [204, 'No Content', 'com.microsoft:no-messages'];
		return [200, 'OK', null, { messages: found.map((b) => ({ message: types.wrap_binary(b) })) }];
	},
};

function manage(q, m) {
	const verb = management[(m.application_properties || {}).operation];
	if (broker.faults.refuse_management)
		return [500, 'refused by order', 'amqp:internal-error'];
	return verb ? verb(q, m.body) : [501, 'not implemented', 'amqp:not-implemented'];
}

function reply(connection, address, m, [status, description, condition, body]) {
	const to = connection.squall.links.find((l) => l.is_sender() && l.squall.address === address
		&& (l.squall.replies === m.reply_to || l.name === m.reply_to))
		|| connection.squall.links.find((l) => l.is_sender() && l.squall.address === address);
	const cbs = address === '$cbs';
	const properties = cbs ? { 'status-code': types.wrap_int(status), 'status-description': description }
		: { statusCode: types.wrap_int(status), statusDescription: description };
	if (condition)
		properties[cbs ? 'error-condition' : 'errorCondition'] = condition;
	if (to && !broker.faults.swallow)
		to.send({ correlation_id: m.message_id, application_properties: properties, body: body || null });
}

/* --- links --- */

/* As the standard says: an attach with nothing at its end, and a detach that says why. */
function refuse(link, condition, description) {
	link.local.attach.source = link.local.attach.target = undefined;
	link.close(failure(condition, description));
}

/* The entity behind an address, or null after a refusal. */
function admit(link, address) {
	const entity = String(address || '').replace(/\/\$management$/i, '');
	const special = address === '$cbs';
	link.squall = { address, entity: special ? null : entity };
	link.connection.squall.links.push(link);
	broker.counts.attaches++;
	if (special)
		return true;
	if (!claimed(link.connection, entity))
		refuse(link, 'amqp:unauthorized-access', "Unauthorized access. 'Send' or 'Listen' claim(s) are required to perform this operation.");
	else if (!broker.find(entity))
		refuse(link, 'amqp:not-found', "The messaging entity '" + address + "' could not be found.");
	else if (broker.faults.refuse_attach)
		refuse(link, broker.faults.refuse_attach, 'refused by order');
	else
		return true;
	return false;
}

container.on('receiver_open', ({ receiver }) => {
	const address = receiver.remote.attach.target && receiver.remote.attach.target.address;
	receiver.local.attach.max_message_size = 262144;
	receiver.set_target({ address });
	if (!admit(receiver, address))
		return;
	const q = broker.find(receiver.squall.entity);
	if (q)
		receiver.local.attach.max_message_size = q.max_size;
	setImmediate(() => receiver.add_credit(100));
});

function takeSent(q, raw, batch, delivery) {
	if (broker.faults.busy > 0 && broker.faults.busy--) {
		answer(delivery, rejected(BUSY));
	} else if (raw.length > q.max_size) {
		answer(delivery, rejected(failure('amqp:link:message-size-exceeded', 'The received message is too large.')));
	} else {
		for (const one of batch ? wire.unbatch(raw) : [raw])
			q.put(one);
		if (broker.faults.swallow_sends)
			return;
		answer(delivery, accepted());
	}
}

container.on('message', (context) => {
	const { receiver, delivery, connection } = context, { address, entity } = receiver.squall;
	const raw = context.raw;
	receiver.add_credit(1);
	if (address === '$cbs') {
		answer(delivery, accepted());
		const m = message.decode(raw);
		reply(connection, '$cbs', m, putToken(connection, m));
	} else if (/\/\$management$/i.test(address)) {
		answer(delivery, accepted());
		const m = message.decode(raw);
		reply(connection, address, m, manage(broker.find(entity), m));
	} else {
		takeSent(broker.find(entity), raw, delivery.format === wire.BATCH, delivery);
	}
});

class Reader {
	constructor(sender) {
		this.sender = sender;
		this.out = [];
		this.locks = sender.remote.attach.snd_settle_mode !== 1;
		this.open = false;
	}

	credit() {
		const next = this.sender.session.outgoing.next_pending_delivery;
		this.out = this.out.filter((d) => d.id >= next); /* rhea counts credit down when it writes */
		return this.open && this.sender.is_open() ? this.sender.credit - this.out.length : 0;
	}

	send(m, bytes, tag) {
		const delivery = this.sender.send(bytes, tag, 0);
		if (!this.locks)
			delivery.settled = true;
		this.out.push(delivery);
	}
}

container.on('sender_open', ({ sender }) => {
	const { source, target } = sender.remote.attach, address = source && source.address;
	sender.set_source({ address });
	sender.set_target({ address: target && target.address });
	sender.local.attach.snd_settle_mode = sender.remote.attach.snd_settle_mode;
	sender.local.attach.rcv_settle_mode = sender.remote.attach.rcv_settle_mode;
	if (!admit(sender, address))
		return;
	sender.squall.replies = target && target.address;
	if (address === '$cbs' || /\/\$management$/i.test(address))
		return;
	const q = broker.find(address), reader = new Reader(sender);
	sender.squall.reader = reader;
	q.readers.push(reader);
	setImmediate(() => { /* the attach goes first */
		reader.open = true;
		q.pump();
	});
});

function readerGone(link) {
	const q = link.squall && link.squall.reader && broker.find(link.squall.address);
	if (q)
		q.readers = q.readers.filter((r) => r !== link.squall.reader);
}

container.on('sender_flow', ({ sender }) => {
	const q = sender.squall && sender.squall.reader && broker.find(sender.squall.address);
	if (q)
		q.pump();
});
container.on('sender_draining', ({ sender }) => setImmediate(() => sender.set_drained(true) || sender.connection._register()));

function outcome(act) {
	return ({ delivery, sender }) => {
		const q = sender.squall && sender.squall.reader && broker.find(sender.squall.address);
		if (delivery.remote_settled)
			delivery.settled = true; /* else it stays in rhea's ring */
		if (!q || broker.faults.swallow)
			return;
		const m = act(q, Buffer.from(delivery.tag), delivery.remote_state);
		if (delivery.remote_settled)
			return; /* first mode: nobody hears whether the lock was lost */
		answer(delivery, !m ? rejected(LOST) : delivery.remote_state.error ? rejected() : delivery.remote_state.described());
	};
}
const plainError = (e) => (e && e.info ? e.info : {});
container.on('accepted', outcome((q, tag) => q.complete(tag)));
container.on('released', outcome((q, tag) => q.release(tag)));
container.on('modified', outcome((q, tag, s) => (s.undeliverable_here ? q.defer(tag) : q.abandon(tag))));
container.on('rejected', outcome((q, tag, s) => {
	const info = plainError(s.error);
	return q.deadLetter(tag, info.DeadLetterReason, info.DeadLetterErrorDescription);
}));
container.options.treat_modified_as_released = false;

/* --- connections --- */

container.on('connection_open', ({ connection }) => {
	connection.squall.plain = connection.sasl_transport && connection.sasl_transport.mechanism
		&& connection.sasl_transport.mechanism.constructor.name === 'PlainServer';
	if (connection.squall.plain)
		return;
	setTimeout(() => {
		if (connection.squall.claims.size === 0 && connection.is_open())
			connection.close(failure('amqp:connection:forced', 'the connection has no claim'));
	}, options.claim_ms).unref();
});
for (const event of ['sender_close', 'sender_error'])
	container.on(event, ({ sender }) => readerGone(sender));
container.on('receiver_close', () => {});
container.on('receiver_error', () => {});
container.on('session_error', () => {});
container.on('connection_close', () => {});
container.on('connection_error', () => {});
container.on('protocol_error', () => {});
container.on('error', (e) => console.error('broker:', e.message || e));
container.on('disconnected', ({ connection }) => gone(connection));

function gone(connection) {
	for (const l of connection.squall.links)
		readerGone(l);
	broker.connections.delete(connection);
}

function begin(connection, socket) {
	connection.squall = { claims: new Map(), links: [], socket };
	broker.connections.add(connection);
	broker.counts.connections++;
	socket.on('close', () => gone(connection));
}
broker.expireClaims = () => broker.connections.forEach((c) => {
	c.squall.claims.clear();
	expireClaims(c);
});
setInterval(() => broker.connections.forEach((c) => c.squall.plain || expireClaims(c)), 250).unref();

/* What a message was on the wire: rhea gives only what it decoded. */
const original = message.decode;
message.decode = (buffer) => Object.defineProperty(original(buffer), 'raw', { value: buffer });
container.prependListener('message', (context) => {
	context.raw = Buffer.isBuffer(context.message) ? context.message : context.message.raw;
});

const shared = { tcp_no_delay: true, require_sasl: true, idle_time_out: options.idle_time_out, autoaccept: false, credit_window: 0,
	autosettle: false, receiver_options: {}, max_frame_size: 65536, treat_modified_as_released: false };
function listen(more) {
	return new Promise((resolve) => {
		const server = container.listen(Object.assign({ host: options.host }, shared, more));
		const event = more.transport === 'tls' ? 'secureConnection' : 'connection';
		const accept = server.listeners(event);
		server.removeAllListeners(event);
		server.on(event, (socket) => {
			socket.on('error', () => {});
			if (broker.faults.refuse_open) {
				socket.destroy();
				return;
			}
			accept.forEach((f) => f.call(server, socket));
		});
		server.on('tlsClientError', () => {});
		server.on('listening', () => resolve(server.address().port));
	});
}
/* Each connection is known from its first byte on. */
const Connection = Object.getPrototypeOf(container.create_connection({ host: 'x' }));
const accept = Connection.accept;
Connection.accept = function (socket) {
	begin(this, socket);
	return accept.call(this, socket);
};

(async () => {
	const ports = { port: await listen({ port: options.port }) };
	if (options.cert)
		ports.tls_port = await listen({ port: options.tls_port, transport: 'tls', cert: fs.readFileSync(options.cert), key: fs.readFileSync(options.key) });
	ports.control_port = await control(broker, options.control_port);
	console.log(JSON.stringify(ports));
	process.stdin.on('end', () => process.exit(0)).resume();
})();
