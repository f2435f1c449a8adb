// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What the tests ask of a page, in the page.

// Tells when it is ready, in ms since navigation began.
function whenReady(done) {
	new PerformanceObserver((list, observer) => {
		const mark = list.getEntries().find((entry) => entry.name === "ready");
		if (mark) {
			observer.disconnect();
			done(mark.startTime);
		}
	}).observe({ type: "mark", buffered: true });
}

// Tells what a test gives as soon as it is something, looking at each frame.
function when(test, done) {
	const found = test();
	if (found)
		done(found);
	else
		requestAnimationFrame(() => when(test, done));
}

// To wait for; an empty list alone is something.
const nonempty = (list) => list.length > 0 && list;

const shownCount = () => document.getElementById("count").textContent;
const shownRows = () =>
	Array.from(document.querySelectorAll("#table tbody tr"), (row) => row.innerText);
const opened = () => document.querySelector("dialog[open]");
// What a reader of the screen is told of the bars of a chart.
const bars = (chart) =>
	Array.from(document.querySelectorAll(`#${chart} .bar`), (bar) =>
		bar.getAttribute("aria-label")
	);
const sizeOf = (selector) => {
	const { width, height } = document.querySelector(selector).getBoundingClientRect();
	return [width, height];
};

const heights = (selector) =>
	Array.from(
		document.querySelectorAll(selector),
		(one) => one.getBoundingClientRect().height
	);
const rightEdges = (selector) =>
	Array.from(document.querySelectorAll(selector), (one) => one.getBoundingClientRect().right);
const textsOf = (selector) =>
	Array.from(document.querySelectorAll(selector), (one) => one.textContent);
const fillings = (selector) =>
	Array.from(document.querySelectorAll(selector), (one) => getComputedStyle(one).fill);
// Of each arrow of the ladder how far down it starts and ends.
const arrows = () =>
	Array.from(document.querySelectorAll(".ladder line.arrow"), (one) =>
		["y1", "y2"].map((name) => Number(one.getAttribute(name)))
	);

function timed(action) {
	const start = performance.now();
	action();
	return performance.now() - start;
}

function type(field, text) {
	const input = document.getElementById("f-" + field);
	input.value = text;
	input.dispatchEvent(new Event("input"));
}

// Texts of the ladder that stand on each other, or out of it.
function collisions() {
	const wide = document.querySelector(".ladder").getBoundingClientRect(),
		found = [];
	const boxes = Array.from(document.querySelectorAll(".ladder text"), (text) => [
		text.textContent,
		text.getBoundingClientRect(),
	]).filter(([text]) => text);
	boxes.forEach(([text, box], at) => {
		if (box.left < wide.left - 1 || box.right > wide.right + 1)
			found.push(`${text} stands out`);
		for (const [other, beside] of boxes.slice(at + 1))
			if (
				box.left < beside.right - 1 &&
				beside.left < box.right - 1 &&
				box.top < beside.bottom - 3 &&
				beside.top < box.bottom - 3
			)
				found.push(`${text} | ${other}`);
	});
	return found;
}

const painter = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

// Any way to write a colour as red, green, blue, alpha.
function colour(text) {
	painter.clearRect(0, 0, 1, 1);
	painter.fillStyle = text;
	painter.fillRect(0, 0, 1, 1);
	return painter.getImageData(0, 0, 1, 1).data;
}

// Relative luminance (WCAG 2.1).
function luminance(rgb) {
	const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
	return [0.2126, 0.7152, 0.0722].reduce(
		(sum, weight, at) => sum + weight * linear(rgb[at] / 255),
		0
	);
}

function groundOf(element) {
	for (let at = element; at; at = at.parentElement) {
		const ground = colour(getComputedStyle(at).backgroundColor);
		if (ground[3] === 255)
			return ground;
	}
	return colour("white");
}

// Texts too faint to read (WCAG 2.1, 1.4.3).
function faintTexts() {
	const faint = [];
	for (const element of document.querySelectorAll("body *")) {
		const own = Array.from(element.childNodes).some(
			(node) => node.nodeType === Node.TEXT_NODE && node.nodeValue.trim()
		);
		if (
			!own ||
			!element.checkVisibility() ||
			element.matches("script, :disabled, option")
		)
			continue;
		const style = getComputedStyle(element);
		const text = luminance(
			colour(element instanceof SVGElement ? style.fill : style.color)
		);
		const ground = luminance(groundOf(element));
		const contrast = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
		if (contrast < 4.5)
			faint.push(`${element.textContent.slice(0, 30)} ${contrast.toFixed(2)}`);
	}
	return faint;
}
