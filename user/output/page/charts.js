// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Bars in SVG: what is counted is given, with names. A chart is one stop of the Tab key, its bars
// are reached by the arrow keys; what it shows is also there as a table.

const CHART_HEIGHT = 190;
const MARGIN = { left: 44, right: 10, top: 10, bottom: 34 };
const CHARACTER = 6.8; // at most as wide, in the axis' size

const tip = {
	show(lines, x, y) {
		const box = byId("tip");
		box.replaceChildren(...lines.map((text) => el("div", {}, text)));
		box.hidden = false;
		const room = document.documentElement.clientWidth - box.offsetWidth - 8;
		box.style.left = Math.max(8, Math.min(x + 12, room)) + scrollX + "px";
		box.style.top = Math.max(4, y - box.offsetHeight - 12) + scrollY + "px";
	},
	hide() {
		byId("tip").hidden = true;
	},
};

// The filling of what is inferred.
function hatch(id, className) {
	return svg(
		"pattern",
		{
			id,
			width: 6,
			height: 6,
			patternUnits: "userSpaceOnUse",
			patternTransform: "rotate(45)",
		},
		svg("rect", { width: 6, height: 6, class: "hatch-ground" }),
		svg("rect", { width: 3, height: 6, class: className })
	);
}

function swatch(className) {
	return el("span", { class: "swatch " + className, "aria-hidden": "true" });
}

function figureOf(id, title, explanation, ...content) {
	const titleId = id + "-title";
	return el(
		"figure",
		{ id, "aria-labelledby": titleId },
		el("figcaption", {}, el("h2", { id: titleId }, title), el("p", {}, explanation)),
		...content
	);
}

// "four-way 3", for each that there is.
function parts(values, series) {
	return series
		.map((one, at) => (values[at] ? `${one.name} ${count(values[at])}` : ""))
		.filter(Boolean);
}

// A figure with its title, its drawing, what it leaves out, and its table.
class Chart {
	constructor(id, title, explanation, pick) {
		this.id = id;
		this.title = title;
		this.pick = pick;
		this.focused = 0;
		this.plot = el("div", { class: "plot" });
		this.legend = el("div", { class: "legend" });
		this.note = el("p", { class: "note" });
		this.table = el("div");
		this.details = el(
			"details",
			{ toggle: () => this.fillTable() },
			el("summary", {}, "As a table"),
			this.table
		);
		this.figure = figureOf(
			id,
			title,
			explanation,
			this.plot,
			this.legend,
			this.note,
			this.details
		);
	}

	// bins: {label, values, range, picked}; series: {name, className, total, inferred, pick,
	// picked}; ticks: {at: 0 to bins, text}; top: the highest sum; unit: what is counted, one
	// and many; axis, empty, note: words; range: what is picked.
	draw(data) {
		this.data = data;
		this.width = Math.max(260, this.plot.clientWidth || 600);
		this.note.textContent = data.note || "";
		this.note.hidden = !data.note;
		keepFocus(this.legend, () => this.drawLegend());
		const focused = this.plot.contains(document.activeElement);
		this.plot.replaceChildren(this.drawing());
		if (focused && this.bars.length)
			this.bars[this.focused].focus();
		this.fillTable();
	}

	drawLegend() {
		const { series } = this.data;
		this.legend.hidden = series.length < 2;
		this.legend.replaceChildren(
			...series.map((one) => {
				const inside = [
					swatch(one.className + (one.inferred ? " hatched" : "")),
					one.name + " ",
					el("b", {}, count(one.total)),
				];
				return one.pick
					? button(
							one.pick,
							{ "aria-pressed": String(one.picked) },
							inside
						)
					: el("span", {}, inside);
			})
		);
	}

	drawing() {
		const { bins, series, top, empty } = this.data;
		this.bars = [];
		if (!bins.length || !top)
			return el("p", { class: "empty" }, empty);
		const step = niceCount(top / 4);
		this.highest = step * Math.ceil(top / step);
		const drawing = svg("svg", {
			viewBox: `0 0 ${this.width} ${CHART_HEIGHT}`,
			role: "group",
			width: this.width,
			height: CHART_HEIGHT,
			"aria-label": this.summary(),
			keydown: (event) => this.key(event),
		});
		const inferred = series.find((one) => one.inferred);
		if (inferred)
			drawing.append(
				svg("defs", {}, hatch(this.id + "-hatch", inferred.className))
			);
		for (let value = 0; value <= this.highest; value += step)
			drawing.append(
				line(
					"grid",
					MARGIN.left,
					this.y(value),
					this.width - MARGIN.right,
					this.y(value)
				),
				label(
					"axis",
					MARGIN.left - 6,
					this.y(value) + 4,
					"end",
					count(value)
				)
			);
		this.addTicks(drawing);
		this.bars = bins.map((bin, index) => this.bar(bin, index));
		this.focused = Math.min(this.focused, this.bars.length - 1);
		this.bars[this.focused].setAttribute("tabindex", "0");
		drawing.append(...this.bars);
		return drawing;
	}

	x(at) {
		const width = this.width - MARGIN.left - MARGIN.right;
		return MARGIN.left + (at * width) / this.data.bins.length;
	}

	y(value) {
		const height = CHART_HEIGHT - MARGIN.top - MARGIN.bottom;
		return MARGIN.top + height * (1 - value / this.highest);
	}

	addTicks(drawing) {
		const bottom = this.y(0);
		let free = -Infinity;
		for (const tick of this.data.ticks) {
			const x = this.x(tick.at),
				half = (tick.text.length * CHARACTER) / 2;
			const at = Math.min(Math.max(x, half + 2), this.width - half - 2);
			drawing.append(line("tick", x, bottom, x, bottom + 4));
			if (at - half < free)
				continue; // it would stand on the one before
			free = at + half + 8;
			drawing.append(label("axis", at, bottom + 17, "middle", tick.text));
		}
		drawing.append(
			label(
				"axis",
				this.width - MARGIN.right,
				CHART_HEIGHT - 2,
				"end",
				this.data.axis
			)
		);
	}

	bar(bin, index) {
		const left = this.x(index),
			width = this.x(index + 1) - left,
			gap = width > 5 ? 1 : 0;
		const group = svg(
			"g",
			{
				class: "bar" + (bin.picked ? " picked" : ""),
				role: "button",
				tabindex: "-1",
				"aria-label": this.words(bin).join(", "),
				"aria-pressed": bin.picked ? "true" : null,
				click: (event) => this.choose(index, event.shiftKey),
				pointerenter: (event) =>
					tip.show(this.words(bin), event.clientX, event.clientY),
				pointerleave: tip.hide,
				blur: tip.hide,
				focus: () => this.tipAt(index),
			},
			svg("rect", {
				class: "hit",
				x: left,
				width,
				y: MARGIN.top,
				height: this.y(0) - MARGIN.top,
			})
		);
		let below = 0;
		this.data.series.forEach((one, at) => {
			if (!bin.values[at])
				return;
			const top = this.y(below + bin.values[at]);
			const rect = svg("rect", {
				class: one.className,
				x: left + gap / 2,
				width: Math.max(1, width - gap),
				y: top,
				height: Math.max(0.75, this.y(below) - top),
			});
			if (one.inferred)
				rect.style.fill = `url(#${this.id}-hatch)`;
			group.append(rect);
			below += bin.values[at];
		});
		return group;
	}

	// What a bar tells.
	words(bin) {
		const { series, unit } = this.data;
		const several = series.length > 1 ? parts(bin.values, series) : [];
		return [bin.label, counted(sum(bin.values), ...unit), ...several];
	}

	tipAt(index) {
		const box = this.bars[index].getBoundingClientRect();
		if (this.bars[index].matches(":focus-visible"))
			tip.show(this.words(this.data.bins[index]), box.left, box.top + 30);
	}

	// Picks the range of a bar, or nothing if it was picked; with Shift up to there.
	choose(index, extend) {
		const { range } = this.data.bins[index],
			picked = this.data.range;
		this.focused = index;
		tip.hide();
		if (extend && picked)
			this.pick([Math.min(picked[0], range[0]), Math.max(picked[1], range[1])]);
		else if (picked && picked[0] === range[0] && picked[1] === range[1])
			this.pick(null);
		else
			this.pick(range);
	}

	key(event) {
		const last = this.bars.length - 1;
		const steps = {
			ArrowRight: this.focused + 1,
			ArrowLeft: this.focused - 1,
			Home: 0,
			End: last,
		};
		if (event.key === "Enter" || event.key === " ") {
			event.preventDefault();
			this.choose(this.focused, event.shiftKey);
		} else if (event.key in steps) {
			event.preventDefault();
			this.bars[this.focused].setAttribute("tabindex", "-1");
			this.focused = Math.max(0, Math.min(last, steps[event.key]));
			this.bars[this.focused].setAttribute("tabindex", "0");
			this.bars[this.focused].focus();
		} else if (event.key === "Escape") {
			tip.hide();
		}
	}

	summary() {
		const { bins, unit } = this.data;
		const sums = bins.map((bin) => sum(bin.values));
		const most = sums.indexOf(Math.max(...sums));
		return (
			`${this.title}: ${bins.length} bars; the highest, ${bins[most].label}: ` +
			counted(sums[most], ...unit) +
			". Arrow keys move between them, Enter filters."
		);
	}

	fillTable() {
		if (!this.details.open || !this.data)
			return;
		const { bins, series, axis } = this.data;
		this.table.replaceChildren(
			tableOf(
				"",
				[axis, ...series.map((one) => one.name)],
				bins.map((bin) => [bin.label, ...bin.values.map(count)]),
				true
			)
		);
	}
}

// Names with horizontal bars, the longest first: programs, peers.
class Ranking {
	constructor(id, title, explanation, pick) {
		this.pick = pick;
		this.list = el("ul", { class: "ranking" });
		this.note = el("p", { class: "note" });
		this.figure = figureOf(id, title, explanation, this.list, this.note);
	}

	// items: {name, value, values, total, picked}; series as of a chart
	draw({ items, series, note }) {
		const longest = Math.max(1, ...items.map((item) => item.total));
		this.note.textContent = note;
		this.note.hidden = !note;
		keepFocus(this.list, () =>
			this.list.replaceChildren(
				...items.map((item) =>
					el("li", {}, this.item(item, series, longest))
				)
			)
		);
		if (!items.length)
			this.list.append(el("li", { class: "empty" }, "None."));
	}

	item(item, series, longest) {
		const told = parts(item.values, series).join(", ");
		return button(
			() => this.pick(item.picked ? "" : item.value),
			{
				"aria-pressed": String(item.picked),
				"aria-label": `${item.name}: ${told}`,
			},
			el("span", { class: "name" }, item.name),
			el("span", { class: "number" }, count(item.total)),
			strip(
				item.values,
				series.map((one) => one.className),
				longest
			)
		);
	}
}

// One horizontal bar.
function strip(values, classes, longest) {
	const drawing = svg("svg", {
		class: "strip",
		viewBox: "0 0 1000 8",
		preserveAspectRatio: "none",
		"aria-hidden": "true",
	});
	let x = 0;
	values.forEach((value, at) => {
		const width = longest ? (value / longest) * 1000 : 0;
		if (value)
			drawing.append(
				svg("rect", {
					class: classes[at],
					x,
					y: 0,
					width: Math.max(width, 2),
					height: 8,
				})
			);
		x += width;
	});
	return drawing;
}
