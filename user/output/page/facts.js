// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What is known of one connection, in words: pairs of a name and a text.

const COMPLETENESS = ["SYN", "SYN,ACK", "ACK", "data", "FIN", "RST"];
const INCOMPLETE_WORDS = {
	"started-late": "it is older than the tracer",
	"lost-records": "records were lost",
	evicted: "too many connections were open, it was let go",
	stopped: "the tracer stopped before its end",
};

// Those that there are, as a list.
function facts(list) {
	const known = list.filter(([, text]) => text);
	return el(
		"dl",
		{ class: "facts" },
		known.map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", {}, text)))
	);
}

function listed(...texts) {
	return texts.filter(Boolean).join(", ");
}

function processText(program, pid) {
	return pid ? `${program}[${pid}]` : "";
}

function waveAndFlags(segment) {
	return segment ? `${WAVES[segment.wave]} ${flagNames(segment.flags)}`.trim() : "";
}

function verdictFacts(report, opened) {
	const { rows, names, words } = report,
		{ row } = opened;
	const kind = rows.kind[row],
		cause = rows.cause[row],
		bits = rows.bits[row];
	const sender = bits & BIT.RESET_SENT ? "sent by local" : "sent by peer";
	const evidence = opened.evidence.map(([segment, index]) =>
		segment
			? waveAndFlags(opened.segments[index])
			: names.states[opened.states[0][index]?.to]
	);
	const incomplete = incompleteOf(report, row).map(
		(name) => `${name}: ${INCOMPLETE_WORDS[name] || name}`
	);
	return [
		["Kind", `${names.kinds[kind]}: ${names.kindMeanings[kind]}`],
		["Advice", names.kindAdvice[kind]],
		["Closed by", names.closedBy[rows.by[row]]],
		["Cause", cause && `${names.causes[cause]}: ${names.causeMeanings[cause]}`],
		[
			"RST",
			bits & BIT.HAS_RESET &&
				listed(
					sender,
					rows.reason[row] && `reason ${words[rows.reason[row]]}`
				),
		],
		["Confidence", bits & BIT.INFERRED ? "inferred" : "observed"],
		["Stands on", listed(...evidence)],
		["Took", duration(rows.took[row])],
		[
			"Half-close",
			rows.half[row] &&
				listed(
					duration(rows.half[row]),
					bits & BIT.HALF_CLOSE && "one direction went on"
				),
		],
		["FIN sent again", rows.again[row] && `${rows.again[row]}×`],
		["Incomplete", incomplete.join("; ")],
	];
}

function closeWaitFacts(report, opened) {
	const { rows } = report,
		{ row } = opened;
	const atPeer = rows.bits[row] & BIT.WAIT_AT_PEER,
		socket = opened.sockets[atPeer ? 1 : 0];
	const was = opened.states[atPeer ? 1 : 0].some((state) =>
		[state.from, state.to].includes(STATE.CLOSE_WAIT)
	);
	if (!was)
		return [];
	const read =
		socket &&
		(socket.bits & SOCKET_BIT.EOF_READ
			? "the program read the end of file"
			: "the program never read the end of file");
	return [
		[
			atPeer ? "~CLOSE_WAIT of the peer" : "CLOSE_WAIT",
			listed(closeWaitText(report, row), read),
		],
	];
}

function timeWaitFacts(report, opened) {
	const { rows, waits, names } = report,
		wait = rows.wait[opened.row];
	if (wait === NONE)
		return [];
	const orphan = waits.state[wait] !== STATE.TIME_WAIT,
		bits = waits.bits[wait];
	const end = names.waitEnds[waits.end[wait]] || null;
	const lasted =
		orphan || waitLasted(waits, wait)
			? duration(waits.duration[wait])
			: "how long is not known";
	const title = bits & WAIT_BIT.FROM_SEGMENTS ? "~TIME_WAIT" : "TIME_WAIT";
	const text = listed(
		lasted,
		WAIT_NAMES[end],
		waits.timeout[wait] && `asked for ${duration(waits.timeout[wait])}`,
		end === "stopped" && waits.left[wait] && `${duration(waits.left[wait])} left`,
		waits.restarts[wait] && `started again ${waits.restarts[wait]}×`,
		waits.late[wait] && counted(waits.late[wait], "late segment"),
		bits & WAIT_BIT.START_INFERRED && "~begun before the tracer"
	);
	const never = "never began: tcp_max_tw_buckets left no room";
	return [[orphan ? "FIN_WAIT2 without a program" : title, end === "never" ? never : text]];
}

function ageText(age) {
	return age >= 0 && `${duration(age)} when its close began`;
}

// In Wireshark's terms, of a capture.
function wireFacts(opened) {
	const { wire } = opened;
	if (!wire)
		return [];
	const seen = COMPLETENESS.filter((_, bit) => wire.completeness & (1 << bit));
	const guess = (bit) => (wire.bits & bit ? "~" : "");
	return [
		["Stream", String(wire.stream)],
		["Handshake took", wire.initialRtt && duration(wire.initialRtt)],
		["Completeness", `${wire.completeness}: ${listed(...seen)}`],
		["Role of local", wire.role],
		[
			"Bytes",
			`${guess(WIRE_BIT.LOCAL_ASSUMED)}${bytes(wire.sent)} sent, ` +
				`${guess(WIRE_BIT.PEER_ASSUMED)}${bytes(wire.received)} received`,
		],
		[
			"Sequence numbers",
			wire.bits & (WIRE_BIT.LOCAL_ASSUMED | WIRE_BIT.PEER_ASSUMED) &&
				"~from the first ones seen: the capture has no SYN",
		],
		["Peer sees", wire.peerView && wire.peerView.join(" → ")],
		["Age", ageText(wire.age)],
	];
}

// Of an end without a socket that anybody told of.
function placeFacts(report, opened, end) {
	const { rows } = report,
		{ row, wire } = opened;
	return [
		[
			"Address",
			end
				? report.endpoint(rows.remote[row], rows.remotePort[row])
				: report.endpoint(rows.local[row], rows.localPort[row]),
		],
		[
			"Socket",
			wire
				? "none: what is said of it is inferred from a capture"
				: "not of this machine: its states are inferred from segments",
		],
	];
}

function socketFacts(report, opened, end) {
	const socket = opened.sockets[end];
	if (!socket)
		return placeFacts(report, opened, end);
	const how = socket.closeHow === "unknown" ? "a call that is not known" : socket.closeHow;
	const caller = processText(socket.closeProgram, socket.closePid);
	const thread = socket.closeTid !== socket.closePid && socket.closeTid;
	return [
		[
			"Address",
			`${endpoint(socket.local, socket.localPort)} → ` +
				endpoint(socket.remote, socket.remotePort),
		],
		["Role", socket.role],
		[
			"Process",
			listed(
				processText(socket.program, socket.pid) || "not known",
				`uid ${socket.uid}`,
				socket.pid && socket.how && `known by its ${socket.how}`
			),
		],
		[
			"Close call",
			how &&
				listed(
					caller ? `${how} by ${caller}` : how,
					thread && `thread ${thread}`
				),
		],
		["Container", socket.container],
		["Cgroup", socket.cgroup],
		["Network namespace", socket.netns || ""],
		["Bytes", `${bytes(socket.sent)} sent, ${bytes(socket.received)} received`],
		["Unread", socket.unread && bytes(socket.unread)],
		["Error", socket.error],
		["Age", ageText(socket.age)],
	];
}

function segmentCells(report, segment) {
	const { sources } = report.names;
	const seen = segment.seen.map((place) =>
		[
			sources && `${sources[place.source]}:`,
			place.interface,
			report.names.hooks[place.hook],
			place.time && `+${milliseconds(place.time)}`,
		]
			.filter(Boolean)
			.join(" ")
	);
	const unseen = segment.seen.total - segment.seen.length;
	const number = (known, relative, raw) => (known ? `${relative} (${raw})` : `raw ${raw}`);
	return [
		segment.frame ? `${segment.index} (frame ${segment.frame})` : segment.index,
		milliseconds(segment.time),
		segment.fromPeer ? "in" : "out",
		waveAndFlags(segment) + (segment.again ? ", sent again" : ""),
		number(segment.seqKnown, segment.seq, segment.rawSeq),
		segment.flags & FLAG.ACK
			? number(segment.ackKnown, segment.ack, segment.rawAck)
			: "",
		segment.lengthKnown ? segment.length : "?",
		segment.scaled ? segment.window : `${segment.window} unscaled`,
		segment.ttl,
		segment.acks === NONE
			? ""
			: `${segment.acks} after ${milliseconds(segment.rtt)} ms`,
		listed(...seen, unseen && `${unseen} more`),
	];
}

function segmentTable(report, opened) {
	return tableOf(
		"segments",
		[
			"#",
			"ms",
			"dir",
			"flags",
			"seq (raw)",
			"ack (raw)",
			"len",
			"window",
			"ttl",
			"acknowledges",
			"seen",
		],
		opened.segments.map((segment) => segmentCells(report, segment))
	);
}

function stateTable(report, opened, end) {
	const { states } = report.names;
	return tableOf(
		"states",
		["ms", "from", "to", "how it is known"],
		opened.states[end].map((state) => [
			milliseconds(state.time),
			states[state.from],
			states[state.to],
			state.observed ? "observed" : "~inferred",
		])
	);
}
