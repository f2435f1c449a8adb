// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Reads the report, draws it, and draws it anew when something else is asked for. What is asked for
// stands in the address, so that a link leads to it again.

const FIELDS = {
	search: "f-search",
	kind: "f-kind",
	by: "f-by",
	program: "f-program",
	peer: "f-peer",
	min: "f-min",
	max: "f-max",
};
const TYPING_PAUSE = 120;

class Page {
	constructor(report) {
		this.report = report;
		this.query = readQuery(location.hash);
		report.kindNumbers = Object.fromEntries(
			report.names.kinds.map((name, kind) => [name, kind])
		);
		this.table = new Table(
			report,
			(change) => this.change(change),
			(row) => this.open(row)
		);
		this.detail = new Detail(
			report,
			(row) => this.closed(row),
			(step) => this.step(step)
		);
		this.makeCharts();
		this.makeForm();
		byId("skip").addEventListener("click", () => byId("closes-title").focus());
		addEventListener("hashchange", () => this.follow());
		PHONE.addEventListener("change", () => this.draw(true));
		let drawnWidth = innerWidth;
		addEventListener("resize", () => {
			if (innerWidth === drawnWidth)
				return;
			drawnWidth = innerWidth;
			this.drawCharts();
		});
	}

	makeCharts() {
		const pick = (name) => (value) => this.change({ [name]: value });
		this.charts = {
			kinds: new Chart(
				"chart-kinds",
				"Kinds of close over time",
				"When teardowns began. A bar leads into its time.",
				pick("time")
			),
			held: new Chart(
				"chart-close-wait",
				"CLOSE_WAIT over time",
				"Sockets whose peer has closed and whose program has not.",
				pick("held")
			),
			half: new Chart(
				"chart-half-close",
				"Half-close",
				"How long one direction stayed open after the other had closed.",
				pick("half")
			),
			waits: new Chart(
				"chart-time-wait",
				"TIME_WAIT",
				"How long sockets stayed, and what ended it.",
				pick("wait")
			),
			programs: new Ranking(
				"chart-programs",
				"Programs",
				"Whose sockets they were.",
				pick("program")
			),
			peers: new Ranking(
				"chart-peers",
				"Peers",
				"Who was at the other end.",
				pick("peer")
			),
		};
		if (!this.report.rows.program.some((word) => word))
			// a capture knows none
			delete this.charts.programs;
		byId("charts").append(...Object.values(this.charts).map((chart) => chart.figure));
	}

	makeForm() {
		const { names, words, rows } = this.report;
		const options = (list) => [
			el("option", { value: "" }, "any"),
			...list.map((name) => el("option", { value: name }, name)),
		];
		byId("f-kind").append(...options(kindsInOrder(this.report)));
		byId("f-by").append(...options(names.closedBy));
		const listed = (column) =>
			[...new Set(rows[column].subarray(0, rows.length))]
				.slice(0, 200)
				.map((word) => words[word])
				.filter(Boolean)
				.sort()
				.map((word) => el("option", { value: word }));
		byId("programs").append(...listed("program"));
		byId("peers").append(...listed("remote"));
		let timer = 0;
		for (const [name, id] of Object.entries(FIELDS))
			byId(id).addEventListener("input", () => {
				clearTimeout(timer);
				timer = setTimeout(
					() => this.change({ [name]: byId(id).value }),
					TYPING_PAUSE
				);
			});
		byId("filters").addEventListener("submit", (event) => event.preventDefault());
		byId("clear").addEventListener("click", () =>
			this.change({
				...emptyQuery(),
				sort: this.query.sort,
				down: this.query.down,
			})
		);
	}

	change(change) {
		const filtered = Object.keys(change).some(
			(name) => !["sort", "down", "page", "open"].includes(name)
		);
		Object.assign(this.query, filtered ? { page: 0 } : {}, change);
		this.remember();
		this.draw(!filtered);
	}

	// The address was changed from outside: by hand, or by going back.
	follow() {
		this.query = readQuery(location.hash);
		this.draw();
		this.openAsked();
	}

	draw(tableOnly = false) {
		if (!tableOnly || !this.counts) {
			this.counts = new Counts(this.report, this.query);
			this.drawForm();
			this.drawCharts();
		}
		this.table.draw(this.counts, this.query);
		const all = this.report.rows.length,
			{ matches } = this.counts;
		byId("count").textContent =
			matches === all
				? counted(all, "teardown")
				: `${counted(matches, "teardown")} of ${count(all)} shown`;
	}

	drawCharts() {
		const { report, counts, query, charts } = this;
		const change = (what) => this.change(what);
		const series = kindSeries(report, counts, query, change);
		drawTiles(report, counts, query, change);
		drawKinds(charts.kinds, report, counts, query, change);
		drawCloseWaits(charts.held, report, counts, query);
		drawHalf(charts.half, counts, query);
		drawWaits(charts.waits, counts, query);
		if (charts.programs)
			drawRanking(
				charts.programs,
				report,
				counts.programs,
				series,
				query.program,
				"not known"
			);
		drawRanking(charts.peers, report, counts.peers, series, query.peer);
	}

	drawForm() {
		const { query } = this;
		for (const [name, id] of Object.entries(FIELDS)) {
			const field = byId(id),
				isTime = name === "min" || name === "max";
			if (field.value !== query[name] && field !== document.activeElement)
				field.value = query[name];
			field.toggleAttribute(
				"aria-invalid",
				isTime &&
					query[name] !== "" &&
					Number.isNaN(parseDuration(query[name]))
			);
		}
		keepFocus(byId("chips"), () =>
			byId("chips").replaceChildren(
				...this.chips().map(([name, text, none]) =>
					button(
						() => this.change({ [name]: none }),
						{ "aria-label": `Remove filter: ${text}` },
						text + " ×"
					)
				)
			)
		);
	}

	// What is asked for by pointing: name, words, and what stands for nothing.
	chips() {
		const { query, report } = this;
		const digits = (range) => clockDigits((range[1] - range[0]) / 10);
		const times = (range) =>
			range.map((end) => clock(report, end, digits(range))).join(" to ");
		const lengths = ([from, to]) =>
			to === Infinity
				? `≥ ${plainDuration(from)}`
				: `${from ? plainDuration(from) : "0"} to ${plainDuration(to)}`;
		const ranges = [
			["time", "began", times],
			["held", "in CLOSE_WAIT", times],
			["half", "half-close", lengths],
			["wait", "TIME_WAIT", lengths],
		];
		const chips = ranges
			.filter(([name]) => query[name])
			.map(([name, title, words]) => [
				name,
				`${title} ${words(query[name])}`,
				null,
			]);
		if (Object.hasOwn(TROUBLES, query.trouble))
			chips.push(["trouble", TROUBLES[query.trouble].many, ""]);
		return chips;
	}

	remember(step = "replaceState") {
		history[step](
			null,
			"",
			writeQuery(this.query) || location.pathname + location.search
		);
	}

	name(row) {
		return `${this.report.key(row)}.${this.report.rows.localPort[row]}`;
	}

	// Back closes it again, as one expects of a phone.
	open(row) {
		const step = this.query.open ? "replaceState" : "pushState";
		this.query.open = this.name(row);
		this.remember(step);
		this.detail.show(row);
	}

	// The connection that the address names.
	async openAsked() {
		const { rows } = this.report,
			asked = this.query.open;
		if (!asked)
			this.detail.dialog.close();
		for (let row = 0; asked && row < rows.length; row++)
			if (asked.endsWith("." + rows.localPort[row]) && this.name(row) === asked) {
				await this.detail.show(row);
				return;
			}
	}

	closed(row) {
		this.query.open = "";
		this.remember();
		this.table.reveal(row);
	}

	step(step) {
		const row = this.table.neighbour(this.detail.wanted, step);
		if (row !== NONE)
			this.open(row);
	}
}

async function start() {
	performance.mark("start");
	const report = readReport();
	performance.mark("read");
	const subject = report.names.sources?.join(" and ") || report.names.subject;
	byId("subject").textContent = subject;
	document.title = (subject ? subject + ": " : "") + "TCP teardowns";
	byId("main").hidden = false;
	const page = new Page(report);
	page.draw();
	byId("headline").textContent = headline(report);
	if (report.names.joined)
		byId("joined").textContent = report.names.joined + ".";
	drawFooter(report);
	if (page.query.open)
		await page.openAsked();
	performance.mark("ready");
}

function fail(error) {
	byId("headline").textContent =
		"The report cannot be read: the file is damaged, or the browser is too old.";
	console.error(error);
}

// The data stands behind this, so that a file that is cut short shows what it has.
addEventListener("DOMContentLoaded", () => start().catch(fail));
