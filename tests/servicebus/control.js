'use strict';
/*
 * control.js - faults and looks inside, for tests: POST a JSON object to /VERB on the control port.
 *
 *     create   {name, lock_ms, max_delivery, max_size, duplicates_ms}   a queue, in place of the one of that name
 *     state    {name}           messages that wait, are locked, are dead; its readers
 *     counts   {}               connections, claims, attaches since the start
 *     faults   {busy: n, refuse_claims, refuse_open, refuse_attach: condition, swallow, swallow_sends, refuse_management,
 *              refuse_sends: condition, mute_attach: no attach is answered, bad_claims: a token is answered with 400,
 *              hold: messages stay here until a reader drains its credit, and then one is faster than the answer}
 *     drop     {}               cuts every connection without a word
 *     close    {}               ends every connection with amqp:connection:forced
 *     detach   {condition}      ends every link of a queue, amqp:link:detach-forced if not said
 *     expire   {}               all tokens run out
 */
const http = require('http');

const verbs = {
	create: (b, o) => b.create(o.name, o),
	state: (b, o) => b.find(o.name).state(),
	counts: (b) => Object.assign({ open: b.connections.size }, b.counts),
	faults: (b, o) => Object.assign(b.faults, o),
	drop: (b) => b.connections.forEach((c) => c.squall.socket.destroy()),
	close: (b) => b.connections.forEach((c) => c.close({ condition: 'amqp:connection:forced',
		description: 'The connection was inactive for more than the allowed period of time.' })),
	detach: (b, o) => b.connections.forEach((c) => c.squall.links.forEach((l) => l.squall.entity && l.is_open()
		&& l.close({ condition: o.condition || 'amqp:link:detach-forced', description: 'The link is force detached: idle timeout.' }))),
	expire: (b) => b.expireClaims(),
};

function control(broker, port) {
	const server = http.createServer((request, response) => {
		let text = '';
		request.on('data', (d) => { text += d; });
		request.on('end', () => {
			try {
				const result = verbs[request.url.slice(1)](broker, JSON.parse(text || '{}'));
				response.end(JSON.stringify(result === undefined ? {} : result));
			} catch (e) {
				response.statusCode = 400;
				response.end(JSON.stringify({ error: String(e.stack) }));
			}
		});
	});
	return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server.address().port)));
}

module.exports = { control };
