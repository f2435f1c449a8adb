// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Reads pages with the page's own reader and tells what it understood, as JSON: an object of the
// teardowns, the waits and the counts for each. `node decode.js SCRIPT... -- PAGE...`
"use strict";

const fs = require("fs");

const at = process.argv.indexOf("--");
const scripts = process.argv.slice(2, at),
	pages = process.argv.slice(at + 1);
const source = scripts.map((path) => fs.readFileSync(path, "utf8")).join("\n");
const { Reader, readOpened, flagNames, WAIT_BIT, INCOMPLETE_SHIFT, NONE } = new Function(
	`${source}; return { Reader, readOpened, flagNames, WAIT_BIT, INCOMPLETE_SHIFT, NONE };`
)();

async function teardown(report, row) {
	const { rows, names, words } = report;
	const opened = await readOpened(report, row);
	const states = (end) =>
		opened.states[end].map((state) => ({
			t_ns: state.time,
			from: names.states[state.from],
			to: names.states[state.to],
			observed: state.observed,
		}));
	return {
		connection: opened.connection,
		key: report.key(row),
		time: rows.time[row],
		kind: names.kinds[rows.kind[row]],
		closed_by: names.closedBy[rows.by[row]],
		cause: names.causes[rows.cause[row]],
		inferred: Boolean(rows.bits[row] & 1),
		local: { addr: words[rows.local[row]], port: rows.localPort[row] },
		remote: { addr: words[rows.remote[row]], port: rows.remotePort[row] },
		comm: words[rows.program[row]],
		pid: rows.pid[row],
		cgroup: words[rows.cgroup[row]],
		reason: words[rows.reason[row]],
		incomplete: names.incomplete.filter(
			(_, bit) => (rows.bits[row] >> INCOMPLETE_SHIFT) & (1 << bit)
		),
		took: rows.took[row],
		half: rows.half[row],
		close_wait: rows.closeWait[row],
		again: rows.again[row],
		wire: opened.wire,
		waits: rows.wait[row] !== NONE,
		evidence: opened.evidence.map(
			([segment, index]) => `${segment ? "segments" : "states"}[${index}]`
		),
		sentence: opened.sentence,
		states: states(0),
		peer_states: states(1),
		socket: opened.sockets[0],
		segments: opened.segments.map((one) => ({
			...one,
			flags: flagNames(one.flags),
			seen: one.seen.map((place) => ({
				interface: place.interface,
				hook: names.hooks[place.hook],
				t_ns: one.time + place.time,
			})),
		})),
	};
}

function wait(report, index) {
	const { waits, names, words } = report;
	return {
		start: waits.start[index],
		state: names.states[waits.state[index]],
		ended_by: names.waitEnds[waits.end[index]],
		duration: waits.duration[index],
		seen: Boolean(waits.bits[index] & WAIT_BIT.END_SEEN),
		timeout: waits.timeout[index],
		restarts: waits.restarts[index],
		late: waits.late[index],
		joined: waits.row[index] !== NONE,
		local: { addr: words[waits.local[index]], port: waits.localPort[index] },
	};
}

async function decode(path) {
	const html = fs.readFileSync(path, "latin1"),
		report = new Reader();
	const element = /<script type="text\/plain" class="(\w+)">([^<]*)<\/script>/g;
	const found = Array.from(html.matchAll(element));
	const blocks = (name) => found.filter((one) => one[1] === name).map((one) => one[2]);
	report.details = blocks("details");
	for (const block of blocks("rows"))
		report.addBlock(block);
	report.join();
	report.close();
	const teardowns = [];
	for (let row = 0; row < report.rows.length; row++)
		teardowns.push(await teardown(report, row));
	return {
		base: report.base,
		stats: report.stats,
		teardowns,
		suspects: report.suspects,
		waits: Array.from({ length: report.waits.length }, (_, index) =>
			wait(report, index)
		),
	};
}

(async () => {
	for (const path of pages)
		process.stdout.write(JSON.stringify(await decode(path)) + "\n");
})();
