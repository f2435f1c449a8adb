// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What happened at both ends of a connection, in order, for its ladder.

// Everything that has a place on the axis of time, in order. A state at the time of a segment is
// its sender's cause or its receiver's effect; an inferred one stands beside it.
function eventsOf(opened) {
	const events = [];
	opened.segments.forEach((segment) => {
		events.push({
			what: "send",
			time: segment.time + segment.left,
			segment,
			rank: 1,
			end: Number(segment.fromPeer),
		});
		if (segment.arrived !== null)
			events.push({
				what: "arrive",
				time: segment.time + segment.arrived,
				segment,
				rank: 2,
				end: 1 - Number(segment.fromPeer),
			});
	});
	opened.states.forEach((states, end) =>
		states.forEach((state) => {
			const together = opened.segments.find((segment) =>
				isAt(segment, state, end)
			);
			const effect = together && Number(together.fromPeer) !== end;
			events.push({
				what: "state",
				time: state.time,
				state,
				end,
				rank: together && (effect || !state.observed) ? 3 : 0,
				shares: state.observed ? null : together,
			});
		})
	);
	return events.sort((a, b) => a.time - b.time || a.rank - b.rank);
}

function statesUsed(opened) {
	return [...new Set(opened.states.flat().flatMap((state) => [state.from, state.to]))];
}

// A segment was at an end when that changed its state: it arrived there, or it left.
function isAt(segment, state, end) {
	const arrives = Number(segment.fromPeer) !== end && segment.arrived !== null;
	return segment.time + (arrives ? segment.arrived : 0) === state.time;
}
