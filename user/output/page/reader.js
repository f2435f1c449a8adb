// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Reads the lines that user/output/page*.c wrote. A line is a letter, numbers with a comma after
// each, and a line feed; a string is the number of a word told before. What only an opened
// connection shows stands elsewhere, line after line, and is read when one is opened.
//   n{names of what is told by number}   w"the next word"   b seconds, ns: the base of all times
//   t teardown   x TIME_WAIT or orphaned FIN_WAIT2   c suspect in CLOSE_WAIT
//   d the next details begin another block   e counts, last

const BIT = {
	INFERRED: 1,
	HALF_CLOSE: 2,
	HAS_RESET: 4,
	RESET_SENT: 8,
	HAS_SOCKET: 16,
	TWIN: 32,
	WAIT_AT_LEAST: 64,
	WAIT_AT_PEER: 128,
	WAIT_GOES_ON: 256,
};
const INCOMPLETE_SHIFT = 9;
const WAIT_BIT = {
	STARTED_LATE: 1,
	START_INFERRED: 2,
	FROM_SEGMENTS: 4,
	END_INFERRED: 8,
	END_SEEN: 16,
	KEY_KNOWN: 32,
};
const SUSPECT_BIT = { EOF_READ: 1, ACCEPTED: 2, AT_LEAST: 4, HOLDERS_KNOWN: 8 };
const SEGMENT_BIT = {
	WAVE: 7,
	RETRANSMISSION: 8,
	SEQ_KNOWN: 16,
	ACK_KNOWN: 32,
	SCALED: 64,
	NO_LENGTH: 128,
	ACKS: 256,
	FROM_PEER: 512,
	HAS_FRAME: 1024,
	HAS_TIMES: 2048,
	NOT_SEEN: 4096,
};
const WIRE_BIT = { LOCAL_ASSUMED: 1, PEER_ASSUMED: 2, NAT: 4 };
const SIGHTINGS = 8; // told of a segment, at most
const SOCKET_BIT = { EOF_READ: 1, STARTED_LATE: 2 };
const FLAG = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32, ECE: 64, CWR: 128 };
const STATE = {
	ESTABLISHED: 1,
	FIN_WAIT1: 4,
	FIN_WAIT2: 5,
	TIME_WAIT: 6,
	CLOSED: 7,
	CLOSE_WAIT: 8,
	LAST_ACK: 9,
	CLOSING: 11,
};
const ID_DIGITS = 32,
	KEY_DIGITS = 8;
const NONE = -1;

const LINE_FEED = 10,
	BANG = 33,
	MINUS = 45,
	SEMICOLON = 59,
	TILDE = 126;

// Numbers of a text, one after the other.
class Cursor {
	constructor(text, at = 0) {
		this.text = text;
		this.at = at;
	}

	number() {
		let code = this.text.charCodeAt(this.at);
		const negative = code === MINUS;
		if (negative)
			code = this.text.charCodeAt(++this.at);
		let value = 0;
		while (code >= 48 && code <= 57) {
			value = value * 10 + code - 48;
			code = this.text.charCodeAt(++this.at);
		}
		this.at++; // the comma
		return negative ? -value : value;
	}

	take(code) {
		if (this.text.charCodeAt(this.at) !== code)
			return false;
		this.at++;
		return true;
	}

	// At the end of a part or of the line.
	get done() {
		const code = this.text.charCodeAt(this.at);
		return code === SEMICOLON || code === LINE_FEED || code !== code;
	}
}

// Columns of equal length that grow together.
class Columns {
	constructor(types) {
		this.types = types;
		this.length = 0;
		this.capacity = 0;
		this.grow(1024);
	}

	grow(capacity) {
		for (const [name, Type] of Object.entries(this.types)) {
			const column = new Type(capacity);
			if (this[name])
				column.set(this[name]);
			this[name] = column;
		}
		this.capacity = capacity;
	}

	add() {
		if (this.length === this.capacity)
			this.grow(this.capacity * 2);
		return this.length++;
	}
}

const ROW_TYPES = {
	time: Float64Array,
	kind: Uint8Array,
	by: Uint8Array,
	cause: Uint8Array,
	bits: Uint16Array,
	local: Uint32Array,
	localPort: Uint16Array,
	remote: Uint32Array,
	remotePort: Uint16Array,
	pid: Uint32Array,
	program: Uint32Array,
	cgroup: Uint32Array,
	reason: Uint32Array,
	took: Float64Array,
	half: Float64Array,
	waitStart: Float64Array,
	closeWait: Float64Array,
	again: Uint32Array,
	key: Uint32Array,
	detail: Uint32Array,
	detailBlock: Uint16Array,
	detailLength: Uint32Array,
	wait: Int32Array,
};
const WAIT_TYPES = {
	start: Float64Array,
	state: Uint8Array,
	end: Uint8Array,
	bits: Uint8Array,
	duration: Float64Array,
	timeout: Float64Array,
	left: Float64Array,
	restarts: Uint16Array,
	late: Uint16Array,
	local: Uint32Array,
	localPort: Uint16Array,
	key: Uint32Array,
	row: Int32Array,
};

class Reader {
	constructor() {
		this.words = [""];
		this.lower = null; // the words in lower case, when somebody searches
		this.interned = new Map();
		this.numbers = [0]; // of a word as it was told: its index in words
		this.rows = new Columns(ROW_TYPES);
		this.waits = new Columns(WAIT_TYPES);
		this.suspects = [];
		this.base = { seconds: 0, ns: 0 };
		this.names = {};
		this.stats = null;
		this.lastTime = 0;
		this.details = []; // packed, and
		this.unpacked = []; // the one that was read last
		this.detailBlock = 0;
		this.detailAt = 0;
	}

	addWord(text) {
		const word = JSON.parse(text);
		let index = this.interned.get(word);
		if (index === undefined) {
			index = this.words.push(word) - 1;
			this.interned.set(word, index);
		}
		this.numbers.push(index);
	}

	word(cursor) {
		return this.numbers[cursor.number()] || 0;
	}

	addRow(cursor) {
		const rows = this.rows,
			row = rows.add();
		rows.time[row] = this.lastTime += cursor.number();
		rows.kind[row] = cursor.number();
		rows.by[row] = cursor.number();
		rows.cause[row] = cursor.number();
		rows.bits[row] = cursor.number();
		rows.local[row] = this.word(cursor);
		rows.localPort[row] = cursor.number();
		rows.remote[row] = this.word(cursor);
		rows.remotePort[row] = cursor.number();
		rows.pid[row] = cursor.number();
		rows.program[row] = this.word(cursor);
		rows.cgroup[row] = this.word(cursor);
		rows.reason[row] = this.word(cursor);
		rows.took[row] = cursor.number();
		rows.half[row] = cursor.number();
		rows.waitStart[row] = cursor.number();
		rows.closeWait[row] = cursor.number();
		rows.again[row] = cursor.number();
		rows.key[row] = cursor.number();
		rows.detailBlock[row] = this.detailBlock;
		rows.detail[row] = this.detailAt;
		this.detailAt += rows.detailLength[row] = cursor.number();
		rows.wait[row] = NONE;
	}

	addWait(cursor) {
		const waits = this.waits,
			wait = waits.add();
		for (const name of [
			"start",
			"state",
			"end",
			"bits",
			"duration",
			"timeout",
			"left",
			"restarts",
			"late",
		])
			waits[name][wait] = cursor.number();
		waits.local[wait] = this.word(cursor);
		waits.localPort[wait] = cursor.number();
		waits.key[wait] = cursor.number();
		waits.row[wait] = NONE;
	}

	addSuspect(cursor) {
		this.suspects.push({
			time: cursor.number(),
			bits: cursor.number(),
			age: cursor.number(),
			unread: cursor.number(),
			local: this.word(cursor),
			localPort: cursor.number(),
			remote: this.word(cursor),
			remotePort: cursor.number(),
			pid: cursor.number(),
			program: this.word(cursor),
			holders: cursor.number(),
		});
	}

	addStats(cursor) {
		this.stats = {};
		for (const name of [
			"teardowns",
			"unfinished",
			"records",
			"evicted",
			"bad",
			"unclaimed",
			"duration",
			"teardownsLeftOut",
			"laddersLeftOut",
			"waitsLeftOut",
		])
			this.stats[name] = cursor.number();
		this.stats.lost = this.names.records.map(() => cursor.number());
	}

	addLine(letter, cursor, end) {
		switch (letter) {
			case "t":
				this.addRow(cursor);
				break;
			case "w":
				this.addWord(cursor.text.slice(cursor.at, end));
				break;
			case "x":
				this.addWait(cursor);
				break;
			case "d":
				this.detailBlock++;
				this.detailAt = 0;
				break;
			case "c":
				this.addSuspect(cursor);
				break;
			case "b":
				this.base = { seconds: cursor.number(), ns: cursor.number() };
				break;
			case "n":
				this.names = JSON.parse(cursor.text.slice(cursor.at, end));
				break;
			case "e":
				this.addStats(cursor);
				break;
		}
	}

	addBlock(text) {
		const cursor = new Cursor(text);
		for (let at = 0; at < text.length;) {
			const end = text.indexOf("\n", at);
			if (end < 0)
				break; // the file is cut short
			cursor.at = at + 1;
			this.addLine(text[at], cursor, end);
			at = end + 1;
		}
	}

	// Which teardown each wait belongs to, and which of its ends waited.
	join() {
		const rows = this.rows,
			waits = this.waits;
		const first = new Map(),
			next = new Int32Array(waits.length ? rows.length : 0);
		for (let row = 0; row < next.length; row++) {
			next[row] = first.get(rows.key[row]) ?? NONE;
			first.set(rows.key[row], row);
		}
		for (let wait = 0; wait < waits.length; wait++) {
			const known = waits.bits[wait] & WAIT_BIT.KEY_KNOWN;
			let row = known ? (first.get(waits.key[wait]) ?? NONE) : NONE;
			while (row !== NONE && !this.isOf(wait, row))
				row = next[row];
			waits.row[wait] = row;
			if (row === NONE)
				continue;
			// A mini-socket may first be in FIN_WAIT2: TIME_WAIT counts.
			if (waits.state[wait] === STATE.TIME_WAIT || rows.wait[row] === NONE)
				rows.wait[row] = wait;
		}
	}

	// The time of the whole; what nothing is told of the end of, lasts until there.
	close() {
		const { rows, waits } = this;
		let first = Infinity,
			last = -Infinity;
		for (let row = 0; row < rows.length; row++) {
			first = Math.min(first, rows.time[row]);
			last = Math.max(last, rows.time[row] + rows.took[row]);
		}
		this.range = rows.length ? [first, last + 1] : [0, 1];
		for (let wait = 0; wait < waits.length; wait++)
			last = Math.max(last, waits.start[wait] + waits.duration[wait]);
		for (const suspect of this.suspects)
			last = Math.max(last, suspect.time);
		for (let row = 0; row < rows.length; row++)
			if (rows.bits[row] & BIT.WAIT_GOES_ON)
				rows.closeWait[row] = Math.max(
					0,
					last - rows.time[row] - rows.waitStart[row]
				);
	}

	// Where there is no socket both ends are told of in one row, and where two captures were
	// joined the other end may have addresses of its own.
	isOf(wait, row) {
		const { rows, waits, names } = this;
		if (!this.waitsAtPeer(wait, row))
			return true;
		if (rows.bits[row] & BIT.HAS_SOCKET)
			return false;
		const { local, localPort } = waits;
		return (
			Boolean(names.joined) ||
			(local[wait] === rows.remote[row] &&
				localPort[wait] === rows.remotePort[row])
		);
	}

	// Of a wait that belongs to that row.
	waitsAtPeer(wait, row) {
		const { rows, waits } = this;
		return (
			waits.local[wait] !== rows.local[row] ||
			waits.localPort[wait] !== rows.localPort[row]
		);
	}

	// The beginning of a connection's id; the rest is told when it is opened.
	key(row) {
		return this.rows.key[row].toString(16).padStart(KEY_DIGITS, "0");
	}

	// The line of a detail; "": there is none, or the file is cut short before it.
	async detail(row) {
		const { detail, detailBlock, detailLength } = this.rows,
			block = detailBlock[row];
		if (!detailLength[row])
			return "";
		if (this.unpacked[0] !== block) {
			const lines = await unpack(this.details[block] || "").catch(() => "");
			this.unpacked = [block, lines];
		}
		return this.unpacked[1].slice(detail[row], detail[row] + detailLength[row]);
	}

	endpoint(address, port) {
		return endpoint(this.words[address], port);
	}
}

// The counterpart of user/output/page_pack.c.
async function unpack(base64) {
	const packed = Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
	const stream = new DecompressionStream("deflate"),
		writer = stream.writable.getWriter();
	const written = writer.write(packed).then(() => writer.close());
	const [text] = await Promise.all([new Response(stream.readable).text(), written]);
	return text;
}

// Takes the data out of the document: as strings they need less room.
function takeText(name) {
	return Array.from(document.querySelectorAll(`script.${name}`), (element) => {
		const text = element.textContent;
		element.remove();
		return text;
	});
}

function readReport() {
	const report = new Reader();
	report.details = takeText("details");
	takeText("rows").forEach((block) => report.addBlock(block));
	report.join();
	report.close();
	return report;
}
