// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Counts what the charts show, of the rows that a filter leaves.

// As they are stacked, from the bottom: what went wrong is on the line where it can be compared.
const KIND_ORDER = [
	"reset",
	"reset-after-fin",
	"timeout",
	"silent",
	"unknown",
	"four-way",
	"three-way",
	"simultaneous",
];
const WAIT_ORDER = ["timer", "connect", "syn", "reset", "destroyed", "fin", null, "stopped"];
const WAIT_NAMES = {
	timer: "its timer ran out",
	connect: "a connect() took its ports",
	syn: "a SYN took its ports",
	reset: "a RST removed it",
	destroyed: "removed, or namespace deleted",
	fin: "a FIN ended it",
	stopped: "still waiting",
	null: "ended, how is not known",
};
const WAIT_EDGES = [
	0,
	1e6,
	1e7,
	1e8,
	1e9,
	10e9,
	20e9,
	30e9,
	40e9,
	50e9,
	59e9,
	61e9,
	65e9,
	120e9,
	Infinity,
];
const HALF_EDGES = [
	0,
	...Array.from({ length: 19 }, (_, i) => (i % 2 ? 3 : 1) * 10 ** (3 + Math.floor(i / 2))),
	Infinity,
];
const TIME_BARS = 60;
const RANKED = 8;

// Bars of equal time, on round times of the wall clock.
function timeBins(report, range) {
	const step = niceStep(Math.max(range[1] - range[0], NS.us) / TIME_BARS);
	const offset =
		step >= NS.s
			? (report.base.seconds % (step / NS.s)) * NS.s + report.base.ns
			: report.base.ns % step;
	const first = Math.floor((range[0] + offset) / step) * step - offset;
	const number = Math.max(1, Math.ceil((range[1] - first) / step));
	return { step, first, offset, number };
}

function timeLabel(report, bins, at, step) {
	const time = bins.first + at * bins.step;
	if (step >= NS.d)
		return day(report, time).slice(5);
	return clock(report, time, clockDigits(step)).slice(0, step >= NS.min ? 5 : undefined);
}

// Where the time axis is labelled: as many as there is room for.
function timeTicks(report, bins, width) {
	const step = niceStep((bins.number * bins.step) / Math.max(2, Math.floor(width / 100)));
	const ticks = [];
	let time = Math.ceil((bins.first + bins.offset) / step) * step - bins.offset;
	for (; time <= bins.first + bins.number * bins.step; time += step) {
		const at = (time - bins.first) / bins.step;
		ticks.push({ at, text: timeLabel(report, bins, at, step) });
	}
	return ticks;
}

function timeRanges(report, bins) {
	const digits = clockDigits(bins.step);
	return Array.from({ length: bins.number }, (_, at) => {
		const from = bins.first + at * bins.step,
			to = from + bins.step;
		return {
			label: `${clock(report, from, digits)} to ${clock(report, to, digits)}`,
			range: [from, to],
			values: [],
		};
	});
}

function edgeOf(edges, value) {
	let at = 0;
	while (at < edges.length - 2 && value >= edges[at + 1])
		at++;
	return at;
}

function covers(picked, range) {
	return picked && range[0] >= picked[0] && range[1] <= picked[1];
}

function edgeBins(edges, columns, picked) {
	return edges.slice(0, -1).map((from, at) => {
		const to = edges[at + 1],
			between = `${plainDuration(from)} to ${plainDuration(to)}`;
		return {
			label: !from
				? `below ${plainDuration(to)}`
				: to === Infinity
					? `${plainDuration(from)} or more`
					: between,
			range: [from, to],
			values: new Array(columns).fill(0),
			picked: covers(picked, [from, to]),
		};
	});
}

function highestOf(bins) {
	return Math.max(0, ...bins.map((bin) => sum(bin.values)));
}

// Without what is empty at both ends; ticks are the edges between bars.
function trimmed(bins, labelled) {
	const used = bins.map((bin) => bin.picked || sum(bin.values) > 0);
	const first = Math.max(0, used.indexOf(true) - 1),
		last = used.lastIndexOf(true) + 1;
	const kept = bins.slice(first, last + 1);
	const ticks = kept
		.map((bin, at) => ({ at: at + 1, edge: bin.range[1] }))
		.filter(({ edge }) => edge !== Infinity && labelled(edge))
		.map(({ at, edge }) => ({ at, text: plainDuration(edge) }));
	return { bins: kept, ticks, top: highestOf(kept) };
}

class Counts {
	constructor(report, query) {
		this.report = report;
		this.query = query;
		this.fails = failuresOf(report, query);
		this.bins = timeBins(report, this.timeShown());
		const bars = (columns) => new Float64Array(this.bins.number * columns);
		this.kindsOverTime = bars(report.names.kinds.length);
		this.kinds = new Array(report.names.kinds.length).fill(0);
		this.by = new Array(report.names.closedBy.length).fill(0);
		this.troubles = Object.fromEntries(Object.keys(TROUBLES).map((name) => [name, 0]));
		this.half = edgeBins(HALF_EDGES, 1, query.half);
		this.programs = new Map();
		this.peers = new Map();
		this.matching = new Uint32Array(this.fails.length);
		this.matches = 0;
		this.all = 0; // whatever the tile that is pressed
		this.twins = 0;
		for (let row = 0; row < this.fails.length; row++)
			this.addRow(row, this.fails[row]);
		this.matching = this.matching.subarray(0, this.matches);
		this.addWaits();
	}

	// What is asked for, as far as there is something.
	timeShown() {
		const { range } = this.report,
			[from, to] = this.query.time || range;
		const first = Math.max(range[0], Math.min(from, range[1] - 1));
		return [first, Math.max(first + 1, Math.min(to, range[1]))];
	}

	addRow(row, fails) {
		const rows = this.report.rows,
			kind = rows.kind[row];
		if (!(fails & ~FAILS.time)) {
			const bin = Math.floor((rows.time[row] - this.bins.first) / this.bins.step);
			if (bin >= 0 && bin < this.bins.number)
				this.kindsOverTime[bin * this.kinds.length + kind]++;
		}
		if (!(fails & ~FAILS.kind))
			this.kinds[kind]++;
		if (!(fails & ~FAILS.by))
			this.by[rows.by[row]]++;
		if (!(fails & ~FAILS.trouble)) {
			this.all++;
			for (const name in TROUBLES)
				this.troubles[name] += TROUBLES[name].test(
					rows,
					row,
					this.report.kindNumbers
				);
		}
		if (!(fails & ~FAILS.half) && rows.half[row] > 0)
			this.half[edgeOf(HALF_EDGES, rows.half[row])].values[0]++;
		if (!(fails & ~FAILS.program))
			this.rank(this.programs, rows.program[row], kind);
		if (!(fails & ~FAILS.peer))
			this.rank(this.peers, rows.remote[row], kind);
		if (!fails) {
			this.matching[this.matches++] = row;
			this.twins += Boolean(rows.bits[row] & BIT.TWIN);
		}
	}

	rank(ranking, word, kind) {
		let item = ranking.get(word);
		if (!item)
			ranking.set(
				word,
				(item = {
					word,
					total: 0,
					values: new Array(this.kinds.length).fill(0),
				})
			);
		item.total++;
		item.values[kind]++;
	}

	// Of a wait whose teardown is not in the report only the rest is known: it counts while
	// nothing is asked for.
	addWaits() {
		const waits = this.report.waits;
		const anything = this.fails.every((fails) => !(fails & ~FAILS.wait));
		this.waits = edgeBins(WAIT_EDGES, WAIT_ORDER.length, this.query.wait);
		this.waitsUntimed = 0;
		for (let wait = 0; wait < waits.length; wait++) {
			const row = waits.row[wait];
			if (
				waits.state[wait] !== STATE.TIME_WAIT ||
				(row === NONE ? !anything : this.fails[row] & ~FAILS.wait)
			)
				continue;
			const end = WAIT_ORDER.indexOf(this.report.names.waitEnds[waits.end[wait]]);
			if (end >= 0 && waitLasted(waits, wait))
				this.waits[edgeOf(WAIT_EDGES, waits.duration[wait])].values[end]++;
			else
				this.waitsUntimed++;
		}
	}

	// The most that were in CLOSE_WAIT at once, for each bar: here, and at peers.
	closeWaits() {
		const rows = this.report.rows;
		const spans = [[], []];
		for (let row = 0; row < rows.length; row++) {
			if (this.fails[row] & ~(FAILS.time | FAILS.held) || !rows.closeWait[row])
				continue;
			const start = rows.time[row] + rows.waitStart[row];
			spans[rows.bits[row] & BIT.WAIT_AT_PEER ? 1 : 0].push(
				start,
				start + rows.closeWait[row]
			);
		}
		return spans.map((ends) => this.population(ends));
	}

	population(spans) {
		const starts = Float64Array.from(
			{ length: spans.length / 2 },
			(_, i) => spans[2 * i]
		).sort();
		const ends = Float64Array.from(
			{ length: spans.length / 2 },
			(_, i) => spans[2 * i + 1]
		).sort();
		const most = new Float64Array(this.bins.number);
		let now = 0,
			started = 0,
			ended = 0;
		const next = (until) => {
			if (
				started < starts.length &&
				starts[started] < until &&
				starts[started] <= ends[ended]
			) {
				started++;
				return ++now;
			}
			if (ended < ends.length && ends[ended] < until) {
				ended++;
				return --now;
			}
			return NONE;
		};
		while (next(this.bins.first) !== NONE);
		for (let bin = 0; bin < most.length; bin++) {
			most[bin] = now;
			for (
				let value;
				(value = next(this.bins.first + (bin + 1) * this.bins.step)) !==
				NONE;
			)
				most[bin] = Math.max(most[bin], value);
		}
		return most;
	}
}
