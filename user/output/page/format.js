// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Elements, and numbers as people read them. What comes from outside only ever becomes text.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const DATE_LIMIT = 8.64e15; // ms: what a Date can hold
const NS = { us: 1e3, ms: 1e6, s: 1e9, min: 60e9, h: 3600e9, d: 86400e9 };

function fill(element, attributes, children) {
	for (const [name, value] of Object.entries(attributes)) {
		if (value === undefined || value === null || value === false)
			continue;
		if (typeof value === "function")
			element.addEventListener(name, value);
		else
			element.setAttribute(name, value === true ? "" : value);
	}
	element.append(
		...children
			.flat(2)
			.filter((child) => child !== null && child !== undefined && child !== false)
	);
	return element;
}

function el(tag, attributes = {}, ...children) {
	return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
	return fill(document.createElementNS(SVG, tag), attributes, children);
}

function label(className, x, y, anchor, text) {
	return svg("text", { class: className, x, y, "text-anchor": anchor }, text);
}

function line(className, x1, y1, x2, y2, attributes = {}) {
	return svg("line", { class: className, x1, y1, x2, y2, ...attributes });
}

function button(click, attributes, ...children) {
	return el("button", { type: "button", click, ...attributes }, ...children);
}

// In a box that scrolls, so that no table is wider than its page. The first cell of a row may be
// its head.
function tableOf(className, heads, rows, headed = false) {
	const cell = (text, at) =>
		headed && !at ? el("th", { scope: "row" }, text) : el("td", {}, text);
	return el(
		"div",
		{ class: "scroll" },
		el(
			"table",
			{ class: "numbers " + className },
			el(
				"thead",
				{},
				el(
					"tr",
					{},
					heads.map((head) => el("th", { scope: "col" }, head))
				)
			),
			el(
				"tbody",
				{},
				rows.map((row) => el("tr", {}, row.map(cell)))
			)
		)
	);
}

// Redraws what is in a box; the button that had the focus has it again.
function keepFocus(box, redraw) {
	const at = [...box.querySelectorAll("button")].indexOf(document.activeElement);
	redraw();
	if (at >= 0)
		box.querySelectorAll("button")[at]?.focus();
}

function byId(id) {
	return document.getElementById(id);
}

function count(number) {
	return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

// "1 close", "2 closes"
function counted(number, one, many = one + "s") {
	return count(number) + " " + (number === 1 ? one : many);
}

function sum(numbers) {
	return numbers.reduce((all, number) => all + number, 0);
}

function percent(part, all) {
	const share = all ? (100 * part) / all : 0;
	if (!part)
		return "0 %";
	if (share < 1)
		return "<1 %";
	return (part < all && share > 99 ? ">99" : Math.round(share)) + " %";
}

// Three digits that count, as in the ladder of the terminal.
function amount(number, unit) {
	const value = number / unit;
	return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

function pair(large, largeUnit, small, smallUnit) {
	return `${large} ${largeUnit} ${String(small).padStart(2, "0")} ${smallUnit}`;
}

function duration(ns) {
	const seconds = Math.floor(ns / NS.s);
	if (seconds >= 86400)
		return pair(Math.floor(seconds / 86400), "d", Math.floor(seconds / 3600) % 24, "h");
	if (seconds >= 3600)
		return pair(Math.floor(seconds / 3600), "h", Math.floor(seconds / 60) % 60, "min");
	if (seconds >= 60)
		return pair(Math.floor(seconds / 60), "min", seconds % 60, "s");
	if (seconds)
		return amount(ns, NS.s) + " s";
	if (ns >= NS.ms)
		return amount(ns, NS.ms) + " ms";
	return ns ? amount(ns, NS.us) + " µs" : "0 s";
}

// A limit of a scale in the largest unit of which it is some: "65 s", "500 ms", "1.5 ms".
function plainDuration(ns) {
	const units = [
		[NS.d, "d"],
		[NS.h, "h"],
		[NS.min, "min"],
		[NS.s, "s"],
		[NS.ms, "ms"],
		[NS.us, "µs"],
		[1, "ns"],
	];
	const whole = units.find(([unit]) => ns >= unit && ns % unit === 0 && ns / unit < 1000);
	const [unit, name] = whole || units.find(([one]) => ns >= one) || [1, "ns"];
	return +(ns / unit).toPrecision(6) + " " + name;
}

// "5 ms", "1.5s", "2 min" as nanoseconds; a bare number is milliseconds. NaN: none of these.
function parseDuration(text) {
	const found = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*(ns|us|µs|μs|ms|s|sec|min|m|h|d)?\s*$/i.exec(
		text
	);
	const units = {
		ns: 1,
		us: NS.us,
		µs: NS.us,
		μs: NS.us,
		ms: NS.ms,
		s: NS.s,
		sec: NS.s,
		min: NS.min,
		m: NS.min,
		h: NS.h,
		d: NS.d,
	};
	return found ? Math.round(found[1] * units[(found[2] || "ms").toLowerCase()]) : NaN;
}

function bytes(number) {
	const units = ["B", "kB", "MB", "GB", "TB", "PB"];
	let at = 0;
	while (number >= 999.95 && at < units.length - 1) {
		number /= 1000;
		at++;
	}
	return (at ? number.toFixed(1) : number) + " " + units[at];
}

function milliseconds(ns) {
	return (ns / NS.ms).toFixed(3);
}

function endpoint(address, port) {
	return (address.includes(":") ? `[${address}]` : address) + ":" + port;
}

// Wall-clock time of a moment of the report, UTC.
function utc(report, ns) {
	const total = report.base.ns + ns;
	const seconds = Math.floor(total / NS.s);
	const ms = (report.base.seconds + seconds) * 1000;
	return {
		date: new Date(Math.max(-DATE_LIMIT, Math.min(DATE_LIMIT, ms))).toISOString(),
		ns: Math.round(total - seconds * NS.s),
	};
}

function day(report, ns) {
	return utc(report, ns).date.slice(0, 10);
}

function clock(report, ns, digits = 3) {
	const time = utc(report, ns);
	const fraction = String(Math.min(time.ns, 999999999)).padStart(9, "0").slice(0, digits);
	return time.date.slice(11, 19) + (digits ? "." + fraction : "");
}

// How many digits tell moments apart that are so far from each other.
function clockDigits(ns) {
	return ns >= NS.s ? 0 : ns >= NS.ms ? 3 : ns >= NS.us ? 6 : 9;
}

// 1, 2 or 5 times a power of ten; of seconds and more what clocks are divided by.
function niceStep(ns) {
	const clockSteps = [
		1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200,
		86400, 172800, 604800, 2592000, 31536000,
	].map((seconds) => seconds * NS.s);
	if (ns > NS.s)
		return clockSteps.find((step) => step >= ns) || Math.ceil(ns / NS.d) * NS.d;
	const power = 10 ** Math.floor(Math.log10(Math.max(ns, 1)));
	return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= ns * 0.999999);
}

// The same of counts.
function niceCount(number) {
	const power = 10 ** Math.floor(Math.log10(Math.max(number, 1)));
	return Math.max(
		1,
		[1, 2, 5, 10].map((step) => step * power).find((step) => step >= number)
	);
}
