'use strict';
/*
 * queue.js - one queue with the semantics of Azure Service Bus; its dead letters are another one.
 *
 * A reader is {credit(), send(message, bytes, tag), locks}; the broker calls pump() whenever one of them may
 * have got credit. In peek-lock mode a message belongs to its lock, not to the link: what happens to the link
 * does not end the lock.
 */
const crypto = require('crypto');
const wire = require('./wire');

class Queue {
	constructor(name, options, parent) {
		this.name = name;
		this.parent = parent;
		Object.assign(this, { lock_ms: 30000, max_delivery: 10, max_size: 262144, duplicates_ms: 0, ttl_ms: 0 }, options);
		this.waiting = []; /* by sequence number */
		this.locked = new Map(); /* hex of the delivery tag -> message */
		this.deferred = new Map();
		this.scheduled = new Set();
		this.seen = new Map();
		this.readers = [];
		this.sequence = 0;
		this.dead = parent ? null : new Queue(name + '/$DeadLetterQueue', { max_delivery: Infinity, lock_ms: this.lock_ms }, this);
		this.counts = { sent: 0, duplicates: 0, completed: 0 };
	}

	isDuplicate(id) {
		const now = Date.now(), at = this.seen.get(id);
		if (!this.duplicates_ms || id === undefined)
			return false;
		this.seen.set(id, at !== undefined && now - at < this.duplicates_ms ? at : now);
		return at !== undefined && now - at < this.duplicates_ms;
	}

	put(raw) {
		const m = wire.stored(raw), at = m.annotations['x-opt-scheduled-enqueue-time'];
		this.counts.sent++;
		if (this.isDuplicate(m.id)) {
			this.counts.duplicates++;
			return;
		}
		m.count = 0;
		const wait = at ? Number(at) - Date.now() : 0;
		if (wait > 0)
			this.scheduled.add(setTimeout(() => this.enqueue(m), wait));
		else
			this.enqueue(m);
	}

	enqueue(m) {
		m.sequence = ++this.sequence;
		m.enqueued = Date.now();
		const ttl = Math.min(m.ttl || Infinity, this.ttl_ms || Infinity);
		m.expires = m.enqueued + ttl;
		this.waiting.push(m);
		this.pump();
	}

	next() {
		while (this.waiting.length && this.waiting[0].expires <= Date.now())
			this.waiting.shift();
		return this.waiting[0];
	}

	pump() {
		for (;;) {
			const m = this.next(), i = this.readers.findIndex((r) => r.credit() > 0);
			if (!m || i < 0)
				return;
			const reader = this.readers.splice(i, 1)[0];
			this.readers.push(reader); /* the next one has its turn */
			this.waiting.shift();
			this.deliver(m, reader);
		}
	}

	bytes(m, until) {
		const annotations = {
			'x-opt-sequence-number': m.sequence,
			'x-opt-enqueued-time': new Date(m.enqueued),
		};
		if (until)
			annotations['x-opt-locked-until'] = new Date(until);
		if (this.parent)
			annotations['x-opt-deadletter-source'] = this.parent.name;
		const added = m.reason === undefined ? null : { DeadLetterReason: m.reason, DeadLetterErrorDescription: m.description };
		return wire.delivered(m, { durable: true, delivery_count: m.count }, annotations, added);
	}

	deliver(m, reader) {
		m.tag = crypto.randomBytes(16);
		if (!reader.locks) {
			reader.send(m, this.bytes(m), m.tag);
			return;
		}
		this.lock(m);
		reader.send(m, this.bytes(m, m.until), m.tag);
	}

	lock(m) {
		clearTimeout(m.timer);
		m.until = Date.now() + this.lock_ms;
		m.timer = setTimeout(() => this.abandon(m.tag), this.lock_ms);
		this.locked.set(m.tag.toString('hex'), m);
	}

	/* The message of a lock, which ends. undefined: it is lost. */
	unlock(tag) {
		const key = tag.toString('hex'), m = this.locked.get(key);
		if (!m)
			return undefined;
		clearTimeout(m.timer);
		this.locked.delete(key);
		return m;
	}

	renew(tag) {
		const m = this.locked.get(tag.toString('hex'));
		if (m)
			this.lock(m);
		return m && m.until;
	}

	back(m) {
		const i = this.waiting.findIndex((o) => o.sequence > m.sequence);
		this.waiting.splice(i < 0 ? this.waiting.length : i, 0, m);
		this.pump();
	}

	bury(m, reason, description) {
		const grave = this.dead || this;
		m.reason = reason;
		m.description = description;
		m.count = 0;
		grave.enqueue(m);
	}

	complete(tag) {
		const m = this.unlock(tag);
		if (m)
			this.counts.completed++;
		return m;
	}

	release(tag) {
		const m = this.unlock(tag);
		if (m)
			this.back(m);
		return m;
	}

	abandon(tag) {
		const m = this.unlock(tag);
		if (!m)
			return undefined;
		m.count++;
		if (m.count >= this.max_delivery)
			this.bury(m, 'MaxDeliveryCountExceeded', 'Message could not be consumed after ' + m.count + ' delivery attempts.');
		else
			this.back(m);
		return m;
	}

	deadLetter(tag, reason, description) {
		const m = this.unlock(tag);
		if (m)
			this.bury(m, reason, description);
		return m;
	}

	defer(tag) {
		const m = this.unlock(tag);
		if (m)
			this.deferred.set(m.sequence, m);
		return m;
	}

	peek(from, most) {
		return [...this.locked.values(), ...this.waiting].filter((m) => m.sequence >= from)
			.sort((a, b) => a.sequence - b.sequence).slice(0, most).map((m) => this.bytes(m));
	}

	clear() {
		for (const m of this.locked.values())
			clearTimeout(m.timer);
		for (const t of this.scheduled)
			clearTimeout(t);
		if (this.dead)
			this.dead.clear();
	}

	state() {
		const brief = (m) => ({ id: m.id === undefined ? null : String(m.id), sequence: m.sequence, count: m.count, reason: m.reason, description: m.description });
		return {
			waiting: this.waiting.map(brief),
			locked: [...this.locked.values()].map(brief),
			dead: this.dead ? this.dead.waiting.map(brief) : [],
			readers: this.readers.map((r) => r.credit()),
			counts: this.counts,
		};
	}
}

module.exports = { Queue };
