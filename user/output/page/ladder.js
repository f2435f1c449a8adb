// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// A close as a drawn flow graph: the local end left, the peer right, each a bar in the colour of
// its state, hatched where that is inferred; segments are arrows between them, time goes down.

const WAVES = ["", "①", "②", "③", "④"];
const BAR = 12;
const NARROW = 620;
const LINE = 15;
const HEAD = 26; // of each bar before the first event
const TAIL = 30; // and behind the last one
const SCALE_HEIGHT = 560;
const TIME_RIGHT = 70; // where times end, but on a phone

// In lines of so many characters.
function wrapped(words, room) {
	const lines = [""];
	for (const word of words) {
		const line = `${lines[lines.length - 1]} ${word}`.trim();
		if (line.length <= room)
			lines[lines.length - 1] = line;
		else
			lines.push(word);
	}
	return lines;
}

class Ladder {
	constructor(report, opened, width, toScale) {
		this.report = report;
		this.opened = opened;
		this.width = Math.max(300, width);
		this.toScale = toScale;
		this.narrow = this.width < NARROW;
		this.events = eventsOf(opened);
		this.left = this.narrow ? 8 : 220;
		this.right = this.width - (this.narrow ? 8 : 150);
		this.root = svg("svg", {
			class: "ladder",
			width: this.width,
			role: "img",
			"aria-labelledby": "detail-sentence",
		});
		this.layers = ["grid", "bars", "arrows", "leaders", "labels"].map((name) =>
			svg("g", { class: name })
		);
		[this.grid, this.bars, this.arrows, this.leaders, this.labels] = this.layers;
	}

	// How far the text of an event reaches above and below it.
	above(event) {
		return event.what === "send"
			? 17 + (this.textOf(event).length - 1) * LINE
			: event.what === "state"
				? 8
				: 3;
	}

	below(event) {
		return event.what === "state" ? 8 + (this.textOf(event).length - 1) * LINE : 4;
	}

	// Which texts may stand on each other: left of the ends, right of them, between them.
	lane(event) {
		return this.narrow || event.what !== "state" ? 2 : event.end;
	}

	place() {
		const { events } = this;
		const first = events[0]?.time || 0,
			last = events[events.length - 1]?.time || 0;
		this.breaks = [];
		if (this.toScale) {
			const height = last > first ? SCALE_HEIGHT : 0;
			this.yOf = (time) =>
				HEAD +
				24 +
				(last > first ? ((time - first) / (last - first)) * height : 0);
			events.forEach((event) => {
				event.y = this.yOf(event.time);
			});
		} else {
			this.placeCompressed(last - first);
		}
		this.end =
			Math.max(HEAD, ...events.map((event) => event.y + this.below(event))) +
			TAIL;
	}

	// As close as the texts allow; where a long time passed there is a gap that says so.
	placeCompressed(span) {
		const free = [HEAD, HEAD, HEAD];
		let y = HEAD,
			told = 0;
		this.events.forEach((event, at) => {
			const before = this.events[at - 1],
				lane = this.lane(event);
			const pause = before ? event.time - before.time : 0;
			const shared =
				event.shares &&
				(before?.segment || before?.shares) === event.shares &&
				!this.narrow;
			if (pause >= 50 * NS.ms && pause > 0.15 * span) {
				y = Math.max(y, ...free) + 14;
				this.breaks.push({ y, pause });
				free.fill(y + 8);
			}
			const apart = shared ? 0 : event.what === "arrive" ? 10 : 16;
			y = Math.max(
				y + apart,
				shared ? 0 : free[lane] + 9 + this.above(event),
				shared || (event.what === "arrive" && this.narrow) ? 0 : told + 16
			);
			event.y = y;
			free[lane] = Math.max(free[lane], y + this.below(event));
			told = y;
		});
	}

	// What is written at an event, line by line.
	textOf(event) {
		return event.what === "state"
			? this.stateText(event)
			: this.segmentText(event.segment);
	}

	stateText(event) {
		const { state, end } = event,
			socket = this.opened.sockets[end];
		const name = this.report.names.states[state.to];
		const lines = [(state.observed ? "" : "~") + name];
		if (event === this.closeEvent(end)) {
			const call = { close: "close()", shutdown: "shutdown()", exit: "exit" }[
				socket.closeHow
			];
			const who = processText(socket.closeProgram, socket.closePid);
			if (call || who)
				lines.push(`${call || ""} ${who}`.trim());
		}
		return lines.concat(this.waitLines(event));
	}

	// The change that the local call made: it sent the FIN, or ended the socket without one.
	closeEvent(end) {
		const socket = this.opened.sockets[end];
		if (!socket || !socket.closeHow)
			return null;
		const of = (...states) =>
			this.events.find(
				(event) =>
					event.what === "state" &&
					event.end === end &&
					states.includes(event.state.to)
			);
		return of(STATE.FIN_WAIT1, STATE.LAST_ACK) || of(STATE.CLOSED);
	}

	segmentText(segment) {
		const head = waveAndFlags(segment) + (segment.again ? " sent again" : "");
		const numbers = [];
		if (segment.flags & (FLAG.FIN | FLAG.SYN | FLAG.RST) || segment.length)
			numbers.push(`seq ${this.guess(segment.fromPeer)}${segment.seq}`);
		if (segment.flags & FLAG.ACK)
			numbers.push(`ack ${this.guess(!segment.fromPeer)}${segment.ack}`);
		if (segment.length)
			numbers.push(`len ${segment.length}`);
		if (segment.acks >= 0) {
			const wave = WAVES[this.opened.segments[segment.acks]?.wave || 0];
			numbers.push(`(${wave ? wave + " " : ""}+${milliseconds(segment.rtt)} ms)`);
		}
		if (segment.notSeen)
			numbers.push("not seen there");
		else if (this.report.names.joined && segment.arrived !== null)
			numbers.push(
				`~${milliseconds(segment.arrived - segment.left)} ms on its way`
			);
		if (segment.frame)
			numbers.push(`#${segment.frame}`);
		return this.narrow
			? [head, ...wrapped(numbers, (this.width - 2 * BAR - 20) / CHARACTER)]
			: [`${head}   ${numbers.join(" ")}`];
	}

	// Before a number that counts from one that is a guess.
	guess(ofPeer) {
		const bit = ofPeer ? WIRE_BIT.PEER_ASSUMED : WIRE_BIT.LOCAL_ASSUMED;
		return this.opened.wire && this.opened.wire.bits & bit ? "~" : "";
	}

	draw() {
		this.place();
		this.drawHeads();
		this.drawLabels();
		[0, 1].forEach((end) => this.drawBar(end));
		if (this.toScale)
			this.drawAxis();
		this.events
			.filter((event) => event.what === "send")
			.forEach((event) => this.drawArrow(event));
		this.breaks.forEach((pause) => this.drawBreak(pause));
		this.root.setAttribute("height", this.end + 8);
		this.root.setAttribute("viewBox", `0 0 ${this.width} ${this.end + 8}`);
		this.root.append(this.markers(), ...this.layers);
		return this.root;
	}

	// Patterns for what is inferred, and the heads of arrows.
	markers() {
		const defs = svg("defs");
		for (const state of statesUsed(this.opened).map(
			(one) => this.report.names.states[one]
		))
			defs.append(hatch("hatch-" + state, "state-" + state));
		for (const kind of ["fin", "ack", "rst", "again"])
			defs.append(
				svg(
					"marker",
					{
						id: "head-" + kind,
						class: "arrow " + kind,
						viewBox: "0 0 10 10",
						refX: 9,
						refY: 5,
						markerWidth: 8,
						markerHeight: 8,
						orient: "auto-start-reverse",
						markerUnits: "userSpaceOnUse",
					},
					svg("path", { d: "M 0 0.5 L 10 5 L 0 9.5 z" })
				)
			);
		defs.append(
			svg(
				"marker",
				{
					id: "head-lost",
					class: "arrow lost",
					viewBox: "0 0 10 10",
					refX: 5,
					refY: 5,
					markerWidth: 9,
					markerHeight: 9,
					markerUnits: "userSpaceOnUse",
				},
				svg("path", { d: "M 0 0 L 10 10 M 0 10 L 10 0" })
			)
		);
		return defs;
	}

	drawHeads() {
		["local", "peer"].forEach((name, end) => {
			const socket = this.opened.sockets[end];
			const text = `${name} ${processText(socket?.program, socket?.pid)}`.trim();
			if (this.narrow)
				this.labels.append(
					label(
						"head",
						end ? this.width - 4 : 4,
						14,
						end ? "end" : "start",
						text
					)
				);
			else
				this.labels.append(
					label(
						"head",
						end ? this.right : this.left,
						14,
						"middle",
						text
					)
				);
		});
		if (!this.narrow && !this.toScale)
			this.labels.append(label("time", TIME_RIGHT, 14, "end", "ms"));
	}

	// One piece of a bar for each state, from the one before the first event on.
	drawBar(end) {
		const x = end ? this.right : this.left;
		const changes = this.events.filter(
			(event) => event.what === "state" && event.end === end
		);
		const pieces = changes.map(({ state, y }) => ({
			state: state.to,
			y,
			observed: state.observed,
		}));
		if (!changes.length) {
			this.bars.append(line("lifeline", x, HEAD, x, this.end));
			return;
		}
		pieces.unshift({
			state: changes[0].state.from,
			y: HEAD,
			observed: changes[0].state.observed,
		});
		pieces.forEach((piece, at) => {
			const height = (pieces[at + 1]?.y ?? this.end) - piece.y;
			if (height > 0)
				this.bars.append(this.piece(piece, x, height));
		});
	}

	piece({ state, y, observed }, x, height) {
		const name = this.report.names.states[state];
		const rect = svg(
			"rect",
			{
				class: `state state-${name}${observed ? "" : " inferred"}`,
				x: x - BAR / 2,
				y,
				width: BAR,
				height,
			},
			svg("title", {}, (observed ? "" : "~") + name)
		);
		if (!observed)
			rect.style.fill = `url(#hatch-${name})`;
		return rect;
	}

	// How long its TIME_WAIT lasted does not fit the picture's time: it is written.
	waitLines(event) {
		const { rows, waits, names } = this.report,
			wait = rows.wait[this.opened.row];
		if (
			event.state.to !== STATE.TIME_WAIT ||
			wait === NONE ||
			this.report.waitsAtPeer(wait, this.opened.row) !== Boolean(event.end)
		)
			return [];
		const why = WAIT_NAMES[names.waitEnds[waits.end[wait]] || null];
		return [waitText(this.report, this.opened.row) + (this.narrow ? `, ${why}` : "")];
	}

	// Labels keep their distance; one that had to move has a line to what it tells of.
	drawLabels() {
		const free = [0, 0, 0];
		this.boxes = [];
		this.events.forEach((event) => {
			if (event.what === "arrive") {
				// Its text stands where it left.
				this.drawTime(event, event.y + 4);
				return;
			}
			const lines = this.textOf(event),
				lane = this.lane(event);
			const wanted = event.y - this.above(event);
			const top = Math.max(wanted, free[lane]);
			free[lane] = top + lines.length * LINE + 2;
			this.boxes.push([top, free[lane]]);
			this.drawLabel(event, lines, top + 12, top - wanted > 2);
			this.drawTime(event, top + 12);
		});
		this.end = Math.max(this.end, ...free);
	}

	drawLabel(event, lines, y, moved) {
		const send = event.what === "send",
			inside = send || this.narrow;
		// Which side of its bar it is on: 1 is right.
		const side = Boolean(event.end) === inside ? -1 : 1;
		const edge = (event.end ? this.right : this.left) + (side * BAR) / 2,
			x = edge + side * 9;
		if (moved)
			this.leaders.append(line("leader", edge, event.y, x, y - 4));
		lines.forEach((text, at) =>
			this.labels.append(
				label(
					(send ? "segment" : "state-label") + (at ? " second" : ""),
					x,
					y + at * LINE,
					side > 0 ? "start" : "end",
					text
				)
			)
		);
	}

	// On a phone at the other side of the picture.
	drawTime(event, y) {
		const text = milliseconds(event.time);
		// What a segment tells needs no second time, what is to scale none at all.
		if (this.toScale || event.shares || (this.narrow && event.what === "arrive"))
			return;
		if (!this.narrow)
			this.labels.append(label("time", TIME_RIGHT, event.y + 4, "end", text));
		else if (event.end)
			this.labels.append(
				label("time", this.left + BAR / 2 + 9, y, "start", text)
			);
		else
			this.labels.append(
				label(
					"time",
					this.right - BAR / 2 - 9,
					y,
					"end",
					event === this.events[0] ? text + " ms" : text
				)
			);
	}

	// Behind all labels; on a phone its text is where none of them is.
	drawAxis() {
		const first = this.events[0]?.time,
			last = this.events[this.events.length - 1]?.time;
		if (!(last > first))
			return;
		const step = niceStep((last - first) / 8);
		for (let time = Math.ceil(first / step) * step; time <= last; time += step) {
			const y = this.yOf(time),
				text = time ? plainDuration(Math.round(time)) : "0";
			this.grid.append(
				line("grid", this.narrow ? 0 : TIME_RIGHT + 6, y, this.width, y)
			);
			if (!this.narrow)
				this.grid.append(label("axis", TIME_RIGHT, y + 4, "end", text));
			else if (
				!this.boxes.some(([top, bottom]) => y > top - 4 && y - 14 < bottom)
			)
				this.grid.append(
					label("axis", this.width / 2, y - 4, "middle", text)
				);
		}
	}

	drawArrow({ segment, y }) {
		const arrival = this.events.find(
			(event) => event.what === "arrive" && event.segment === segment
		);
		const kind =
			segment.flags & FLAG.RST
				? "rst"
				: segment.again
					? "again"
					: segment.flags & FLAG.FIN
						? "fin"
						: "ack";
		const ends = [this.left + BAR / 2, this.right - BAR / 2];
		const [from, to] = segment.fromPeer ? ends.reverse() : ends;
		const reached = segment.notSeen ? from + (to - from) * 0.8 : to;
		const arrow = line("arrow " + kind, from, y, reached, arrival ? arrival.y : y, {
			"marker-end": segment.notSeen ? "url(#head-lost)" : `url(#head-${kind})`,
		});
		arrow.append(svg("title", {}, this.segmentText(segment).join(" ")));
		this.arrows.append(arrow);
	}

	drawBreak({ y, pause }) {
		for (const x of [this.left, this.right])
			this.arrows.append(
				svg("rect", {
					class: "break",
					x: x - BAR / 2 - 2,
					y: y - 3,
					width: BAR + 4,
					height: 6,
				})
			);
		this.labels.append(
			label(
				"pause",
				(this.left + this.right) / 2,
				y + 4,
				"middle",
				`${duration(pause)} later`
			)
		);
	}
}
