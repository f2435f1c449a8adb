// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// One connection, opened: its ladder, the verdict in words, the facts, the segments as a table.

const NO_LADDER =
	"The page has no ladder of this one: there were too many, or the file is cut short. " +
	"Make the report again with a filter to see it.";

class Detail {
	// close is called with the row that was shown, step with 1 or -1.
	constructor(report, close, step) {
		this.report = report;
		this.dialog = byId("detail");
		this.toScale = false;
		this.step = step;
		this.wanted = NONE;
		this.dialog.addEventListener("close", () => {
			const row = this.wanted;
			this.wanted = NONE;
			close(row);
		});
		this.dialog.addEventListener("click", (event) => {
			if (event.target === this.dialog)
				// the ground behind it
				this.dialog.close();
		});
		this.dialog.addEventListener("keydown", (event) => {
			if (event.key === "j" || event.key === "k")
				step(event.key === "j" ? 1 : -1);
		});
		new ResizeObserver(() => this.resize()).observe(this.dialog);
	}

	async show(row) {
		this.wanted = row;
		const opened = await readOpened(this.report, row);
		if (this.wanted !== row)
			// another one was asked for meanwhile
			return;
		this.opened = opened;
		keepFocus(this.dialog, () =>
			this.dialog.replaceChildren(
				this.header(row),
				el(
					"p",
					{ id: "detail-sentence" },
					opened ? opened.sentence : NO_LADDER
				),
				...(opened ? this.body(opened) : this.poorBody(row))
			)
		);
		if (!this.dialog.open) {
			this.dialog.showModal();
			this.dialog.querySelector(".close").focus();
		}
		this.dialog.scrollTop = 0;
		if (opened)
			this.drawLadder();
	}

	header(row) {
		const { report } = this,
			{ rows } = report,
			time = rows.time[row];
		const tool = (text, title, action, name) =>
			button(action, { class: name, title, "aria-label": title }, text);
		return el(
			"header",
			{},
			el(
				"div",
				{},
				el(
					"h2",
					{ id: "detail-title" },
					breakable(
						report.endpoint(
							rows.local[row],
							rows.localPort[row]
						)
					),
					" → ",
					breakable(
						report.endpoint(
							rows.remote[row],
							rows.remotePort[row]
						)
					)
				),
				el(
					"p",
					{},
					el("span", { class: "kind" }, kindMark(report, row)),
					` ${programOf(report, row)} `,
					el(
						"time",
						{},
						`${day(report, time)} ${clock(report, time, 6)} UTC`
					)
				)
			),
			el(
				"nav",
				{ "aria-label": "Connections" },
				tool("‹", "Connection before (k)", () => this.step(-1)),
				tool("›", "Next connection (j)", () => this.step(1)),
				tool("×", "Close (Escape)", () => this.dialog.close(), "close")
			)
		);
	}

	body(opened) {
		const { report } = this;
		this.plot = el("div", { class: "ladder-plot" });
		return [
			el(
				"fieldset",
				{ class: "ways" },
				el("legend", {}, "Time"),
				this.way("compressed", false),
				this.way("to scale", true)
			),
			this.plot,
			this.legend(opened),
			el("h3", {}, "What it was"),
			facts([
				...verdictFacts(report, opened),
				...closeWaitFacts(report, opened),
				...timeWaitFacts(report, opened),
				...wireFacts(opened),
				["Connection", opened.connection],
			]),
			el(
				"div",
				{ class: "ends" },
				["Local end", "Peer"].map((title, end) =>
					el(
						"section",
						{},
						el("h3", {}, title),
						facts(socketFacts(report, opened, end)),
						opened.states[end].length > 0 &&
							stateTable(report, opened, end)
					)
				)
			),
			el("h3", {}, "Segments"),
			opened.segments.length
				? segmentTable(report, opened)
				: el("p", {}, "None was seen."),
		];
	}

	// Of one that only its row is kept of.
	poorBody(row) {
		const told = Object.values(COLUMNS).filter((column) => column.cell);
		return [
			facts([
				...told.map((column) => [
					column.title,
					column.cell(this.report, row),
				]),
				["Connection", this.report.key(row) + "…"],
			]),
		];
	}

	way(text, toScale) {
		const change = () => {
			this.toScale = toScale;
			this.drawLadder();
		};
		return el(
			"label",
			{},
			el("input", {
				type: "radio",
				name: "scale",
				change,
				checked: this.toScale === toScale,
			}),
			text
		);
	}

	legend(opened) {
		const { states } = this.report.names;
		return el(
			"p",
			{ class: "legend" },
			statesUsed(opened).map((state) =>
				el("span", {}, swatch("state-" + states[state]), states[state])
			),
			el("span", {}, swatch("hatched"), "~inferred")
		);
	}

	drawLadder() {
		this.drawnWidth = this.plot.clientWidth;
		this.plot.replaceChildren(
			new Ladder(this.report, this.opened, this.drawnWidth, this.toScale).draw()
		);
	}

	resize() {
		if (this.dialog.open && this.opened && this.plot.clientWidth !== this.drawnWidth)
			this.drawLadder();
	}
}
