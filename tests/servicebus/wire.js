'use strict';
/*
 * wire.js - the bytes of messages, lock tokens and SAS tokens, as Azure Service Bus has them.
 */
const crypto = require('crypto');
const { message, types } = require('rhea');

const HEADER = 0x70, ANNOTATIONS = 0x72, PROPERTIES = 0x73, APPLICATION = 0x74;

/* The sections of an encoded message: [{code, bytes}]. */
function sections(buffer) {
	const reader = new types.Reader(buffer), out = [];
	while (reader.remaining()) {
		const from = reader.position, section = reader.read();
		out.push({ code: Number(section.descriptor.value), bytes: buffer.subarray(from, reader.position) });
	}
	return out;
}

/* What a queue keeps of a message: the sender's sections as they came, and what matters to the queue. */
function stored(raw) {
	const decoded = message.decode(raw);
	const kept = sections(raw).filter((s) => s.code >= PROPERTIES);
	return {
		kept,
		id: decoded.message_id,
		ttl: decoded.ttl,
		annotations: decoded.message_annotations || {},
		size: raw.length,
	};
}

/* The whole message for one delivery. added: application properties of the broker's. */
function delivered(m, header, annotations, added) {
	const of = (code, o) => sections(message.encode(o)).filter((s) => s.code === code).map((s) => s.bytes);
	let kept = m.kept.map((s) => s.bytes);
	if (added) {
		const old = m.kept.find((s) => s.code === APPLICATION);
		const properties = old ? message.decode(old.bytes).application_properties : {};
		const merged = of(APPLICATION, { application_properties: Object.assign({}, properties, added) });
		const before = m.kept.filter((s) => s.code === PROPERTIES), after = m.kept.filter((s) => s.code > APPLICATION);
		kept = [...before.map((s) => s.bytes), ...merged, ...after.map((s) => s.bytes)];
	}
	return Buffer.concat([...of(HEADER, header), ...of(ANNOTATIONS, { message_annotations: annotations }), ...kept]);
}

/* A batch is a message of format 0x80013700 whose data sections are messages. */
const BATCH = 0x80013700;
function unbatch(raw) {
	const body = message.decode(raw).body;
	return body.multiple ? body.content : [body.content];
}

/* A lock token is a .NET Guid: its bytes on the wire are not in the order in which it is written. */
function guidOrder(b) {
	return Buffer.from([b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], ...b.subarray(8)]);
}

/* null, or why a SAS token is no good for audience. keys: {name: key}. */
function sasProblem(token, audience, keys, now) {
	if (!/^SharedAccessSignature /.test(token))
		return 'it is no SharedAccessSignature';
	const part = Object.fromEntries(token.slice(22).split('&').map((p) => [p.slice(0, p.indexOf('=')), p.slice(p.indexOf('=') + 1)]));
	const key = keys[decodeURIComponent(part.skn || '')];
	if (key === undefined)
		return 'its key name is unknown';
	const sig = crypto.createHmac('sha256', key).update(part.sr + '\n' + part.se).digest('base64');
	if (decodeURIComponent(part.sig || '') !== sig)
		return 'its signature is wrong';
	if (!(Number(part.se) * 1000 > now))
		return 'it expired';
	const path = (u) => u.replace(/^[a-z]+:\/\//i, '').replace(/:\d+/, '').replace(/\/$/, '').toLowerCase();
	const own = path(decodeURIComponent(part.sr)), asked = path(audience);
	return asked === own || asked.startsWith(own + '/') ? null : 'it is for ' + own + ', not for ' + asked;
}

module.exports = { BATCH, delivered, guidOrder, sasProblem, stored, unbatch };
