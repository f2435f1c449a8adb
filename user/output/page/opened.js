// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Reads what a page keeps of one teardown for the one who opens it: user/output/page_detail.c.

function readWire(report, cursor) {
	if (cursor.done)
		return null;
	const wire = {
		stream: cursor.number(),
		initialRtt: cursor.number(),
		completeness: cursor.number(),
		role: report.names.roles[cursor.number()],
		sent: cursor.number(),
		received: cursor.number(),
		age: cursor.number() - 1,
		bits: cursor.number(),
	};
	if (wire.bits & WIRE_BIT.NAT)
		wire.peerView = [readEnd(report, cursor), readEnd(report, cursor)];
	return wire;
}

function readEnd(report, cursor) {
	return endpoint(report.words[report.word(cursor)], cursor.number());
}

function readSocket(report, cursor) {
	if (cursor.done)
		return null;
	const word = () => report.words[report.word(cursor)];
	return {
		role: report.names.roles[cursor.number()],
		how: report.names.owners[cursor.number()],
		uid: cursor.number(),
		netns: cursor.number(),
		pid: cursor.number(),
		program: word(),
		cgroup: word(),
		container: word(),
		sent: cursor.number(),
		received: cursor.number(),
		age: cursor.number() - 1,
		unread: cursor.number(),
		error: word(),
		closeHow: report.names.closeCalls[cursor.number()],
		closePid: cursor.number(),
		closeTid: cursor.number(),
		closeProgram: word(),
		bits: cursor.number(),
		local: word(),
		localPort: cursor.number(),
		remote: word(),
		remotePort: cursor.number(),
	};
}

function readStates(cursor) {
	if (cursor.done)
		return [];
	const states = [];
	let from = cursor.number(),
		time = 0;
	while (!cursor.done) {
		time += cursor.number();
		if (cursor.take(BANG))
			from = cursor.number(); // what lies between was not seen
		const observed = !cursor.take(TILDE);
		const to = cursor.number();
		states.push({ time, from, to, observed });
		from = to;
	}
	return states;
}

// A place is "hook netns source interface".
function readSightings(report, cursor) {
	const total = cursor.number(),
		seen = [];
	for (let i = 0; i < Math.min(total, SIGHTINGS); i++) {
		const time = cursor.number();
		const place = /^(\d+) (\d+) (\d+) (.*)$/.exec(report.words[report.word(cursor)]);
		const [hook, netns, source] = place.slice(1, 4).map(Number);
		seen.push({ time, hook, netns, source, interface: place[4] });
	}
	seen.total = total;
	return seen;
}

function readSegment(report, cursor, initial) {
	const segment = {
		time: cursor.number(),
		bits: cursor.number(),
		flags: cursor.number(),
		seq: cursor.number(),
		ack: cursor.number(),
		length: cursor.number(),
		window: cursor.number(),
		ttl: cursor.number(),
	};
	const has = (bit) => Boolean(segment.bits & bit);
	segment.fromPeer = has(SEGMENT_BIT.FROM_PEER);
	segment.wave = segment.bits & SEGMENT_BIT.WAVE;
	segment.again = has(SEGMENT_BIT.RETRANSMISSION);
	segment.seqKnown = has(SEGMENT_BIT.SEQ_KNOWN);
	segment.ackKnown = has(SEGMENT_BIT.ACK_KNOWN);
	segment.scaled = has(SEGMENT_BIT.SCALED);
	segment.lengthKnown = !has(SEGMENT_BIT.NO_LENGTH);
	segment.acks = has(SEGMENT_BIT.ACKS) ? cursor.number() : NONE;
	segment.rtt = segment.acks === NONE ? 0 : cursor.number();
	segment.frame = has(SEGMENT_BIT.HAS_FRAME) ? cursor.number() : 0;
	const [mine, theirs] = segment.fromPeer ? [initial[1], initial[0]] : initial;
	segment.rawSeq = (segment.seq + (segment.seqKnown ? mine : 0)) % 2 ** 32;
	segment.rawAck = (segment.ack + (segment.ackKnown ? theirs : 0)) % 2 ** 32;
	// Since its first sighting; null: not known.
	segment.notSeen = has(SEGMENT_BIT.NOT_SEEN);
	segment.left = has(SEGMENT_BIT.HAS_TIMES) ? cursor.number() : 0;
	segment.arrived = has(SEGMENT_BIT.HAS_TIMES) ? cursor.number() : null;
	segment.seen = readSightings(report, cursor);
	return segment;
}

function readSegments(report, cursor, initial) {
	const number = cursor.number(),
		segments = [];
	let time = 0;
	for (let index = 0; index < number; index++) {
		const segment = readSegment(report, cursor, initial);
		segment.index = index;
		segment.time = time += segment.time;
		segments.push(segment);
	}
	return segments;
}

function readPairs(cursor) {
	const pairs = [];
	while (!cursor.done)
		pairs.push([cursor.number(), cursor.number()]);
	return pairs;
}

// null: the page keeps no more of it than its row.
async function readOpened(report, row) {
	const text = await report.detail(row);
	if (!text)
		return null;
	const cursor = new Cursor(text, ID_DIGITS + 1);
	const next = (part) => {
		// and past the semicolon behind it
		cursor.take(SEMICOLON);
		return part;
	};
	const opened = { row, connection: text.slice(0, ID_DIGITS) };
	opened.wire = next(readWire(report, cursor));
	opened.sockets = [next(readSocket(report, cursor)), next(readSocket(report, cursor))];
	opened.states = [next(readStates(cursor)), next(readStates(cursor))];
	const initial = next(readPairs(cursor)).map((end) => end[1]);
	opened.segments = next(readSegments(report, cursor, initial));
	opened.evidence = next(readPairs(cursor));
	opened.sentence = JSON.parse(text.slice(cursor.at));
	return opened;
}

function flagNames(flags) {
	return (
		Object.keys(FLAG)
			.filter((name) => flags & FLAG[name])
			.join(",") || "none"
	);
}
