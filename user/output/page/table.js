// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The table, one page of rows at a time: whatever the size of the report, the document stays small.

// Rows are cards on a phone.
const PHONE = matchMedia("(max-width: 760px)");
const pageRows = () => (PHONE.matches ? 20 : 50);

// A sort key is a number; of a string its place among all of them.
function rankWords(report) {
	if (report.ranks)
		return report.ranks;
	const sortable = report.words.map((word) =>
		/^\d+\.\d+\.\d+\.\d+$/.test(word)
			? word
					.split(".")
					.map((part) => part.padStart(3, "0"))
					.join(".")
			: word.toLowerCase()
	);
	const order = sortable
		.map((_, index) => index)
		.sort((a, b) =>
			sortable[a] < sortable[b] ? -1 : sortable[a] > sortable[b] ? 1 : a - b
		);
	report.ranks = new Uint32Array(order.length);
	order.forEach((word, rank) => {
		report.ranks[word] = rank;
	});
	return report.ranks;
}

const COLUMNS = {
	time: { title: "Time, UTC", key: (report, row) => report.rows.time[row] },
	kind: {
		title: "Kind",
		key: (report, row) => KIND_ORDER.indexOf(report.names.kinds[report.rows.kind[row]]),
		cell: (report, row) => kindMark(report, row),
	},
	by: {
		title: "Closed by",
		key: (report, row) => report.rows.by[row],
		cell: (report, row) => report.names.closedBy[report.rows.by[row]],
	},
	program: {
		title: "Program",
		key: (report, row) =>
			rankWords(report)[report.rows.program[row]] * 2 ** 22 +
			report.rows.pid[row],
		cell: (report, row) => programOf(report, row),
	},
	local: {
		title: "Local",
		key: (report, row) =>
			rankWords(report)[report.rows.local[row]] * 65536 +
			report.rows.localPort[row],
		cell: (report, row) =>
			breakable(
				report.endpoint(report.rows.local[row], report.rows.localPort[row])
			),
	},
	peer: {
		title: "Peer",
		key: (report, row) =>
			rankWords(report)[report.rows.remote[row]] * 65536 +
			report.rows.remotePort[row],
		cell: (report, row) =>
			breakable(
				report.endpoint(
					report.rows.remote[row],
					report.rows.remotePort[row]
				)
			),
	},
	took: {
		title: "Took",
		number: true,
		key: (report, row) => report.rows.took[row],
		cell: (report, row) => duration(report.rows.took[row]),
	},
	half: {
		title: "Half-close",
		number: true,
		key: (report, row) => report.rows.half[row],
		cell: (report, row) =>
			report.rows.half[row] ? duration(report.rows.half[row]) : "",
	},
	wait: {
		title: "TIME_WAIT",
		number: true,
		key: (report, row) => waitKey(report, row),
		cell: (report, row) => waitText(report, row),
	},
	notes: {
		title: "Notes",
		key: (report, row) => -noteWeight(report, row),
		cell: (report, row) => notesOf(report, row).join(", "),
	},
};

function programOf(report, row) {
	return processText(report.words[report.rows.program[row]], report.rows.pid[row]);
}

// A long address may be broken behind a colon where the line is full.
function breakable(text) {
	return text.split(/(?<=:)(?=.*:)/).flatMap((part, at) => (at ? [el("wbr"), part] : [part]));
}

function kindMark(report, row) {
	const name = report.names.kinds[report.rows.kind[row]];
	return [
		el("span", { class: `swatch kind-${name}`, "aria-hidden": "true" }),
		(report.rows.bits[row] & BIT.INFERRED ? "~" : "") + name,
	];
}

function waitKey(report, row) {
	const wait = report.rows.wait[row];
	return wait === NONE || report.waits.state[wait] !== STATE.TIME_WAIT
		? NONE
		: report.waits.duration[wait];
}

function waitText(report, row) {
	const wait = report.rows.wait[row];
	if (wait === NONE || report.waits.state[wait] !== STATE.TIME_WAIT)
		return "";
	const end = report.names.waitEnds[report.waits.end[wait]];
	const text = waitLasted(report.waits, wait) ? duration(report.waits.duration[wait]) : "?";
	return end === "stopped" ? `≥ ${text}` : end === "never" ? "never" : text;
}

function noteWeight(report, row) {
	const rows = report.rows;
	return (
		(rows.bits[row] >> INCOMPLETE_SHIFT ? 8 : 0) +
		(rows.again[row] ? 4 : 0) +
		(rows.closeWait[row] >= NS.s ? 2 : 0) +
		(rows.cause[row] ? 1 : 0)
	);
}

function notesOf(report, row) {
	const { rows, names } = report,
		notes = [];
	if (rows.cause[row])
		notes.push(names.causes[rows.cause[row]]);
	if (rows.reason[row])
		notes.push(report.words[rows.reason[row]]);
	if (rows.closeWait[row] >= NS.s)
		notes.push(
			`${rows.bits[row] & BIT.WAIT_AT_PEER ? "~peer's " : ""}CLOSE_WAIT ` +
				closeWaitText(report, row)
		);
	if (rows.again[row])
		notes.push(`FIN sent again ${rows.again[row]}×`);
	return notes.concat(incompleteOf(report, row));
}

function closeWaitText(report, row) {
	const atLeast = report.rows.bits[row] & (BIT.WAIT_AT_LEAST | BIT.WAIT_GOES_ON);
	return (atLeast ? "≥ " : "") + duration(report.rows.closeWait[row]);
}

function incompleteOf(report, row) {
	const bits = report.rows.bits[row] >> INCOMPLETE_SHIFT;
	return report.names.incomplete.filter((_, bit) => bits & (1 << bit));
}

class Table {
	constructor(report, change, open) {
		this.report = report;
		this.change = change;
		this.open = open;
		this.focused = 0;
		this.keys = {};
		this.body = byId("table").tBodies[0];
		// What no row has needs no column.
		const used = (column) => report.rows[column].some((value) => value > 0);
		const useless = { program: !used("program"), wait: !report.waits.length };
		this.columns = Object.keys(COLUMNS).filter((name) => !useless[name]);
		this.heads = Object.fromEntries(
			this.columns.map((name) => [name, this.head(name)])
		);
		byId("table").tHead.rows[0].append(...Object.values(this.heads));
		this.body.addEventListener("keydown", (event) => this.key(event));
		this.body.addEventListener("click", (event) => this.click(event));
	}

	head(name) {
		return el(
			"th",
			{ scope: "col", role: "columnheader", class: name },
			button(() => this.sortBy(name), {}, COLUMNS[name].title)
		);
	}

	sortBy(name) {
		const { sort, down } = this.query;
		const first = Boolean(COLUMNS[name].number); // of numbers the largest come first
		this.change({ sort: name, down: sort === name ? !down : first, page: 0 });
	}

	sorted(counts, query) {
		const { sort, down } = query,
			rows = this.report.rows;
		this.keys[sort] ||= Float64Array.from({ length: rows.length }, (_, row) =>
			COLUMNS[sort].key(this.report, row)
		);
		const keys = this.keys[sort],
			sign = down ? -1 : 1;
		return counts.matching.sort((a, b) => (keys[a] - keys[b]) * sign || a - b);
	}

	draw(counts, query) {
		this.query = query;
		this.order = this.sorted(counts, query);
		this.pageRows = pageRows();
		this.pages = Math.max(1, Math.ceil(this.order.length / this.pageRows));
		this.page = Math.min(query.page, this.pages - 1);
		for (const [name, head] of Object.entries(this.heads))
			head.setAttribute(
				"aria-sort",
				name !== query.sort
					? "none"
					: query.down
						? "descending"
						: "ascending"
			);
		const first = this.page * this.pageRows;
		this.shown = this.order.subarray(first, first + this.pageRows);
		this.focused = Math.min(this.focused, Math.max(0, this.shown.length - 1));
		byId("table").setAttribute("aria-rowcount", this.order.length + 1);
		this.body.replaceChildren(
			...Array.from(this.shown, (row, at) => this.row(row, at, first))
		);
		this.drawPager();
	}

	row(row, at, first) {
		const time = el(
			"button",
			{
				type: "button",
				class: "open",
				"aria-haspopup": "dialog",
				tabindex: at === this.focused ? "0" : "-1",
			},
			clock(this.report, this.report.rows.time[row])
		);
		return el(
			"tr",
			{ role: "row", "data-row": row, "aria-rowindex": first + at + 2 },
			this.columns.map((name) => {
				const { title, number, cell } = COLUMNS[name];
				return el(
					"td",
					{
						role: "cell",
						class: name + (number ? " number" : ""),
						"data-label": title,
					},
					cell ? cell(this.report, row) : time
				);
			})
		);
	}

	drawPager() {
		const first = this.page * this.pageRows,
			all = this.order.length;
		const step = (page, text, title) =>
			button(
				() => this.turn(page),
				{
					"aria-label": title,
					disabled:
						page < 0 ||
						page >= this.pages ||
						page === this.page,
				},
				text
			);
		const last = first + this.shown.length;
		const where = `${count(first + 1)} to ${count(last)} of ${count(all)}`;
		keepFocus(byId("pager"), () =>
			byId("pager").replaceChildren(
				step(0, "«", "First page"),
				step(this.page - 1, "‹ Back", "Page before"),
				el("span", {}, all ? where : "none"),
				step(this.page + 1, "Next ›", "Next page"),
				step(this.pages - 1, "»", "Last page")
			)
		);
	}

	turn(page, focused = 0) {
		this.focused = focused;
		this.change({ page });
	}

	focus(at) {
		const buttons = this.body.querySelectorAll("button.open");
		if (!buttons.length)
			return;
		buttons[this.focused]?.setAttribute("tabindex", "-1");
		this.focused = Math.max(0, Math.min(at, buttons.length - 1));
		buttons[this.focused].setAttribute("tabindex", "0");
		buttons[this.focused].focus();
	}

	move(at) {
		if (at < 0 && this.page > 0)
			this.turn(this.page - 1, this.pageRows - 1);
		else if (at >= this.shown.length && this.page < this.pages - 1)
			this.turn(this.page + 1, 0);
		else
			this.focus(at);
		this.focus(this.focused);
	}

	key(event) {
		const rows = this.shown.length;
		const steps = {
			ArrowDown: this.focused + 1,
			ArrowUp: this.focused - 1,
			Home: 0,
			End: rows - 1,
		};
		if (event.key in steps) {
			event.preventDefault();
			this.move(steps[event.key]);
		} else if (event.key === "PageDown" || event.key === "PageUp") {
			event.preventDefault();
			const page = this.page + (event.key === "PageDown" ? 1 : -1);
			if (page >= 0 && page < this.pages)
				this.turn(page, 0);
			this.focus(this.focused);
		}
	}

	// A click opens the row, unless it ended the selection of some of its text.
	click(event) {
		const row = event.target.closest("tr"),
			selection = getSelection();
		if (
			!row ||
			(!event.target.closest("button") &&
				!selection.isCollapsed &&
				row.contains(selection.anchorNode))
		)
			return;
		this.focus([...this.body.rows].indexOf(row));
		this.open(Number(row.dataset.row));
	}

	// The row before or after one, in this order; NONE: there is none.
	neighbour(row, step) {
		const at = this.order.indexOf(row);
		return at === -1 ? NONE : (this.order[at + step] ?? NONE);
	}

	// Shows the page with that row on it and puts the focus there.
	reveal(row) {
		const at = this.order.indexOf(row);
		if (at < 0)
			return;
		if (Math.floor(at / this.pageRows) !== this.page)
			this.turn(Math.floor(at / this.pageRows), at % this.pageRows);
		this.focus(at % this.pageRows);
	}
}
