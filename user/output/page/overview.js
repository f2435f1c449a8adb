// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// From counts to what stands above the table: the sentence, the tiles, the charts; and below it.

// The kinds by name, problems first; one that is not known here comes last.
function kindsInOrder(report) {
	const known = KIND_ORDER.filter((name) => report.names.kinds.includes(name));
	return [...known, ...report.names.kinds.filter((name) => !known.includes(name))];
}

function kindSeries(report, counts, query, change) {
	return kindsInOrder(report)
		.map((name) => {
			const number = report.names.kinds.indexOf(name),
				picked = query.kind === name;
			return {
				name,
				number,
				picked,
				className: "kind-" + name,
				total: counts.kinds[number],
				pick: () => change({ kind: picked ? "" : name }),
			};
		})
		.filter((one) => one.total || one.picked);
}

function timeAxis(report, chart, counts, what) {
	const { bins } = counts;
	return {
		ticks: timeTicks(report, bins, chart.plot.clientWidth),
		axis: `${day(report, bins.first)} UTC, ${what} ${plainDuration(bins.step)}`,
	};
}

function drawKinds(chart, report, counts, query, change) {
	const series = kindSeries(report, counts, query, change);
	const bins = timeRanges(report, counts.bins);
	bins.forEach((bin, at) => {
		bin.values = series.map(
			(one) => counts.kindsOverTime[at * counts.kinds.length + one.number]
		);
	});
	chart.draw({
		bins,
		series,
		...timeAxis(report, chart, counts, "one bar is"),
		top: highestOf(bins),
		unit: ["teardown"],
		range: query.time,
		empty: "No teardown fits.",
	});
}

function drawCloseWaits(chart, report, counts, query) {
	const [here, there] = counts.closeWaits();
	const series = [
		{ name: "here", className: "wait-here", most: here },
		{ name: "~at the peer", className: "wait-peer", most: there, inferred: true },
	]
		.map((one) => ({ ...one, total: Math.max(0, ...one.most) }))
		.filter((one) => one.total);
	const bins = timeRanges(report, counts.bins);
	bins.forEach((bin, at) => {
		bin.values = series.map((one) => one.most[at]);
		bin.picked = covers(query.held, bin.range);
	});
	chart.draw({
		bins,
		series,
		...timeAxis(report, chart, counts, "the most within"),
		top: highestOf(bins),
		range: query.held,
		unit: ["socket in CLOSE_WAIT at once", "sockets in CLOSE_WAIT at once"],
		empty: "None was in CLOSE_WAIT.",
		note: suspectsNote(report),
	});
}

// Told of while they still were in CLOSE_WAIT.
function suspectsNote(report) {
	if (!report.suspects.length)
		return "";
	const oldest = report.suspects.reduce((one, other) => (other.age > one.age ? other : one));
	const { words } = report,
		atLeast = oldest.bits & SUSPECT_BIT.AT_LEAST ? "at least " : "";
	const nobody =
		oldest.bits & SUSPECT_BIT.HOLDERS_KNOWN ? "nobody" : "a program that is not known";
	return (
		`${counted(report.suspects.length, "suspect")} held for long; the oldest, ` +
		`${report.endpoint(oldest.local, oldest.localPort)} → ` +
		`${report.endpoint(oldest.remote, oldest.remotePort)}, for ${atLeast}` +
		`${duration(oldest.age)} by ` +
		`${oldest.program ? `${words[oldest.program]}[${oldest.pid}]` : nobody}.`
	);
}

function drawHalf(chart, counts, query) {
	chart.draw({
		...trimmed(counts.half, (edge) => String(edge).startsWith("1")),
		series: [{ name: "teardowns", className: "half" }],
		unit: ["teardown"],
		range: query.half,
		axis: "from the first FIN to the second",
		empty: "No teardown has two FINs.",
	});
}

function drawWaits(chart, counts, query) {
	const whole = trimmed(counts.waits, () => true);
	const series = WAIT_ORDER.map((end, at) => ({
		at,
		name: WAIT_NAMES[end],
		className: "end-" + (end || "unknown"),
		total: sum(counts.waits.map((bin) => bin.values[at])),
	})).filter((one) => one.total);
	const bins = whole.bins.map((bin) => ({
		...bin,
		values: series.map((one) => bin.values[one.at]),
	}));
	const untimed = counts.waitsUntimed;
	chart.draw({
		...whole,
		bins,
		series,
		unit: ["TIME_WAIT", "TIME_WAITs"],
		range: query.wait,
		axis: "how long it lasted",
		empty: "No TIME_WAIT was timed.",
		note: untimed
			? `${counted(untimed, "more has", "more have")} no known duration.`
			: "",
	});
}

function drawRanking(ranking, report, ranked, series, picked, unnamed) {
	const all = [...ranked.values()]
		.filter((item) => item.word || unnamed)
		.sort((a, b) => b.total - a.total || a.word - b.word);
	const items = all
		.slice(0, RANKED)
		.map(({ word, total, values }) => ({
			total,
			name: report.words[word] || unnamed,
			value: report.words[word],
			picked: picked !== "" && report.words[word] === picked,
			values: series.map((one) => values[one.number]),
		}));
	const more = all.length - items.length;
	ranking.draw({ items, series, note: more ? `and ${count(more)} more` : "" });
}

// Of the whole report, whatever is asked for.
function headline(report) {
	const { rows, range, names } = report;
	const kinds = names.kinds.map((name) => ({ name, number: 0 }));
	for (let row = 0; row < rows.length; row++)
		kinds[rows.kind[row]].number++;
	if (!rows.length)
		return "No teardown is in this report.";
	const most = kinds
		.filter((kind) => kind.number)
		.sort((a, b) => b.number - a.number)
		.slice(0, 3)
		.map((kind) => `${percent(kind.number, rows.length)} ${kind.name}`);
	const span = range[1] - range[0];
	const [from, to] = range.map((end) => clock(report, end, clockDigits(span / 10)));
	return (
		`${counted(rows.length, "teardown")} within ${duration(span)}, ` +
		`${day(report, range[0])} ${from} to ${to} UTC: ${most.join(", ")}.` +
		(report.stats ? "" : " The file was cut short: the rest is missing.")
	);
}

function tile(key, number, title, why, pressed, pick) {
	return button(
		pick,
		{ class: `tile ${key}${number ? "" : " none"}`, "aria-pressed": String(pressed) },
		el("b", {}, count(number)),
		el("span", { class: "what" }, title),
		el("span", { class: "why" }, why)
	);
}

function drawTiles(report, counts, query, change) {
	const both = counts.twins
		? "both ends of some are of this machine"
		: "one for each connection";
	const tiles = Object.entries(TROUBLES).map(([key, { one, many, why }]) => {
		const number = counts.troubles[key],
			pressed = query.trouble === key;
		return tile("trouble-" + key, number, number === 1 ? one : many, why, pressed, () =>
			change({ trouble: pressed ? "" : key })
		);
	});
	keepFocus(byId("tiles"), () =>
		byId("tiles").replaceChildren(
			tile("all", counts.all, "teardowns", both, !query.trouble, () =>
				change({ trouble: "" })
			),
			...tiles,
			closedByTile(report, counts, query, change)
		)
	);
}

function closedByTile(report, counts, query, change) {
	const all = sum(counts.by);
	return el(
		"div",
		{ class: "tile by", role: "group", "aria-label": "closed by" },
		el("span", { class: "what" }, "closed by"),
		["local", "peer", "both", "unknown"].map((name) => {
			const number = counts.by[report.names.closedBy.indexOf(name)],
				picked = query.by === name;
			return button(
				() => change({ by: picked ? "" : name }),
				{ "aria-pressed": String(picked) },
				el("span", {}, name),
				strip([number], ["by-" + name], all),
				el("b", {}, count(number))
			);
		})
	);
}

function drawFooter(report) {
	const { stats, names, rows } = report;
	const told = [];
	const add = (number, text) => number && told.push(text);
	if (stats) {
		const { unclaimed, teardownsLeftOut, laddersLeftOut, waitsLeftOut } = stats;
		told.push(
			counted(stats.records, "record"),
			`${count(stats.unfinished)} unfinished`,
			`${count(sum(stats.lost))} lost`
		);
		add(stats.evicted, `${count(stats.evicted)} evicted`);
		add(stats.bad, `${count(stats.bad)} could not be read`);
		add(unclaimed, `${counted(unclaimed, "segment")} of closes without a socket here`);
		add(
			teardownsLeftOut,
			`${counted(teardownsLeftOut, "teardown")} left out: the page holds ` +
				count(rows.length)
		);
		add(
			laddersLeftOut,
			`${counted(laddersLeftOut, "ladder")} left out for their number`
		);
		add(waitsLeftOut, `${count(waitsLeftOut)} TIME_WAITs left out`);
	}
	byId("footer").append(
		el("p", {}, told.join(" · ")),
		el(
			"p",
			{},
			"~ and hatching: inferred, not observed. Times are UTC. Made by " +
				`tcpclose-trace ${names.version}; this page loads nothing.`
		)
	);
}
