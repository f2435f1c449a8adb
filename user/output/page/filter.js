// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What is asked for, in the address of the page and as one bit per condition of each row: a chart
// counts the rows that fail no condition but its own.

// As `leaks` takes it (--threshold).
const LEAK = 30 * NS.s;

// Problems first: what tiles count and filter by.
const TROUBLES = {
	reset: {
		one: "reset",
		many: "resets",
		why: "a RST ended it",
		test: (rows, row, kinds) =>
			rows.kind[row] === kinds.reset ||
			rows.kind[row] === kinds["reset-after-fin"],
	},
	timeout: {
		one: "timeout",
		many: "timeouts",
		why: "the other side never answered",
		test: (rows, row, kinds) => rows.kind[row] === kinds.timeout,
	},
	leak: {
		one: "long CLOSE_WAIT",
		many: "long CLOSE_WAIT",
		why: "a program kept its half for 30 s or more",
		test: (rows, row) =>
			rows.closeWait[row] >= LEAK && !(rows.bits[row] & BIT.WAIT_AT_PEER),
	},
	again: {
		one: "FIN sent again",
		many: "FIN sent again",
		why: "no ACK came in time",
		test: (rows, row) => rows.again[row] > 0,
	},
	incomplete: {
		one: "incomplete",
		many: "incomplete",
		why: "not all of it was seen",
		test: (rows, row) => rows.bits[row] >> INCOMPLETE_SHIFT !== 0,
	},
	orderly: {
		one: "orderly",
		many: "orderly",
		why: "FIN and ACK in both directions",
		test: (rows, row, kinds) =>
			rows.kind[row] === kinds["four-way"] ||
			rows.kind[row] === kinds["three-way"] ||
			rows.kind[row] === kinds.simultaneous,
	},
};

const CONDITIONS = [
	"search",
	"kind",
	"by",
	"program",
	"peer",
	"took",
	"trouble",
	"time",
	"half",
	"wait",
	"held",
];
const FAILS = Object.fromEntries(CONDITIONS.map((name, bit) => [name, 1 << bit]));
const TEXT_FIELDS = ["search", "kind", "by", "program", "peer", "min", "max", "trouble"];
const RANGE_FIELDS = ["time", "half", "wait", "held"];

function emptyQuery() {
	return {
		search: "",
		kind: "",
		by: "",
		program: "",
		peer: "",
		min: "",
		max: "",
		trouble: "",
		time: null,
		half: null,
		wait: null,
		held: null,
		sort: "time",
		down: false,
		page: 0,
		open: "",
	};
}

function parseRange(text) {
	const found = /^(-?\d+)\.\.(-?\d+|inf)$/.exec(text || "");
	return found ? [Number(found[1]), found[2] === "inf" ? Infinity : Number(found[2])] : null;
}

function readQuery(hash) {
	const given = new URLSearchParams(hash.replace(/^#/, ""));
	const query = emptyQuery();
	for (const name of [...TEXT_FIELDS, "open"])
		query[name] = given.get(name) || "";
	for (const name of RANGE_FIELDS)
		query[name] = parseRange(given.get(name));
	const sort = /^(-?)(\w+)$/.exec(given.get("sort") || "");
	if (sort && Object.hasOwn(COLUMNS, sort[2])) {
		query.sort = sort[2];
		query.down = sort[1] === "-";
	}
	query.page = Math.max(0, Math.trunc(Number(given.get("page"))) - 1 || 0);
	return query;
}

function writeQuery(query) {
	const given = new URLSearchParams();
	for (const name of TEXT_FIELDS)
		if (query[name]) given.set(name, query[name]);
	for (const name of RANGE_FIELDS)
		if (query[name])
			given.set(
				name,
				query[name]
					.map((end) => (end === Infinity ? "inf" : Math.round(end)))
					.join("..")
			);
	if (query.sort !== "time" || query.down)
		given.set("sort", (query.down ? "-" : "") + query.sort);
	if (query.page)
		given.set("page", query.page + 1);
	if (query.open)
		given.set("open", query.open);
	const text = given.toString();
	return text ? "#" + text : "";
}

function within(range, value) {
	return value >= range[0] && value < range[1];
}

// For each word: whether it holds the text.
function wordsWith(report, text, test) {
	report.lower ||= report.words.map((word) => word.toLowerCase());
	const wanted = text.toLowerCase();
	return Uint8Array.from(report.lower, (word) => test(word, wanted));
}

const holds = (word, wanted) => word.includes(wanted);
const begins = (word, wanted) => word.startsWith(wanted);

// Exactly that word where there is one, else all that fit.
function matchWords(report, text, test) {
	const exact = report.interned.get(text);
	if (exact === undefined)
		return wordsWith(report, text, test);
	const found = new Uint8Array(report.words.length);
	found[exact] = 1;
	return found;
}

// "address", "address:port", ":port", "port", "[address]:port"; an address may be cut short.
function parsePeer(text) {
	const found = /^:?(\d{1,5})$/.exec(text) ||
		/^\[(.*?)\]:?(\d*)$/.exec(text) ||
		/^([^:]*):(\d*)$/.exec(text) || [text, text, ""];
	return found.length === 2
		? { address: "", port: Number(found[1]) }
		: { address: found[1], port: found[2] ? Number(found[2]) : NONE };
}

function peerTest(report, text) {
	const rows = report.rows,
		{ address, port } = parsePeer(text.trim());
	const words = address ? matchWords(report, address, begins) : null;
	return (row) =>
		(!words || words[rows.remote[row]]) &&
		(port === NONE || rows.remotePort[row] === port);
}

// One word of the search: it may be found in any text of a row.
function termTest(report, term) {
	const rows = report.rows,
		names = report.names;
	const words = wordsWith(report, term, holds);
	const named = (list) => Uint8Array.from(list, (name) => (name ? holds(name, term) : 0));
	const kinds = named(names.kinds),
		causes = named(names.causes);
	const reasons = named(names.incomplete);
	const incomplete = reasons.reduce((mask, found, bit) => mask | (found << bit), 0);
	const port = /^\d+$/.test(term) ? Number(term) : NONE;
	const place = /:\d+$/.test(term) ? parsePeer(term) : null;
	const places = place && wordsWith(report, place.address, holds);
	const id = /^[0-9a-f]{6,32}$/.test(term) ? term.slice(0, KEY_DIGITS) : null;
	return (row) =>
		words[rows.program[row]] ||
		words[rows.remote[row]] ||
		words[rows.local[row]] ||
		kinds[rows.kind[row]] ||
		words[rows.reason[row]] ||
		words[rows.cgroup[row]] ||
		causes[rows.cause[row]] ||
		(rows.bits[row] >> INCOMPLETE_SHIFT) & incomplete ||
		rows.pid[row] === port ||
		rows.remotePort[row] === port ||
		rows.localPort[row] === port ||
		(place &&
			((places[rows.remote[row]] && rows.remotePort[row] === place.port) ||
				(places[rows.local[row]] && rows.localPort[row] === place.port))) ||
		(id && report.key(row).startsWith(id));
}

function searchTest(report, text) {
	const tests = text
		.toLowerCase()
		.split(/\s+/)
		.filter(Boolean)
		.map((term) => termTest(report, term));
	return (row) => tests.every((test) => test(row));
}

// The tests of a query, by the bit that they set when they fail.
function testsOf(report, query) {
	const rows = report.rows,
		waits = report.waits,
		tests = [];
	const add = (name, wanted, test) => wanted && tests.push([FAILS[name], test]);
	const kind = report.names.kinds.indexOf(query.kind);
	const by = report.names.closedBy.indexOf(query.by);
	const words = query.program && matchWords(report, query.program, holds);
	const min = parseDuration(query.min),
		max = parseDuration(query.max);
	const trouble = Object.hasOwn(TROUBLES, query.trouble) && TROUBLES[query.trouble];
	add("search", query.search.trim(), searchTest(report, query.search));
	add("kind", kind >= 0, (row) => rows.kind[row] === kind);
	add("by", by >= 0, (row) => rows.by[row] === by);
	add("program", query.program, (row) => words[rows.program[row]]);
	add("peer", query.peer.trim(), peerTest(report, query.peer));
	add("took", min >= 0 || max >= 0, (row) => !(rows.took[row] < min || rows.took[row] > max));
	add("trouble", trouble, (row) => trouble.test(rows, row, report.kindNumbers));
	add("time", query.time, (row) => within(query.time, rows.time[row]));
	add("half", query.half, (row) => rows.half[row] > 0 && within(query.half, rows.half[row]));
	add(
		"wait",
		query.wait,
		(row) =>
			rows.wait[row] !== NONE &&
			waitLasted(waits, rows.wait[row]) &&
			within(query.wait, waits.duration[rows.wait[row]])
	);
	add(
		"held",
		query.held,
		(row) =>
			rows.closeWait[row] > 0 &&
			rows.time[row] + rows.waitStart[row] < query.held[1] &&
			rows.time[row] + rows.waitStart[row] + rows.closeWait[row] >= query.held[0]
	);
	return tests;
}

// It has a duration: its own, or until the tracer ended.
function waitLasted(waits, wait) {
	return (
		waits.state[wait] === STATE.TIME_WAIT &&
		(waits.bits[wait] & WAIT_BIT.END_SEEN || waits.duration[wait] > 0) &&
		!(waits.bits[wait] & WAIT_BIT.STARTED_LATE)
	);
}

// For each row the conditions that it fails.
function failuresOf(report, query) {
	const fails = new Uint16Array(report.rows.length);
	for (const [bit, test] of testsOf(report, query))
		for (let row = 0; row < fails.length; row++)
			if (!test(row)) fails[row] |= bit;
	return fails;
}
