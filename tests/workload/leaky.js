// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// leaky.c in Node: `leaky.js NAME ADDRESS MODE`, where MODE is read, unread or close, with the same
// lines on stdin and stdout but `fork`; and no `leaked` in mode unread, since Node learns of a FIN
// by reading alone.
"use strict";
const net = require("net");
const readline = require("readline");

const [name, address, mode] = process.argv.slice(2);
const held = [];

function say(...words) {
	require("fs").writeSync(1, words.join(" ") + "\n");
}

function tell(what, client) {
	say(what, process.pid, client._handle.fd, client.remotePort);
}

function keepClient(client) {
	tell("accepted", client);
	client.on("error", () => {});
	client.on("end", () => {
		tell("leaked", client);
		if (mode === "close")
			client.end();
		else
			held.push(client);
	});
	if (mode === "unread")
		held.push(client);
	else
		client.resume();
}

function dialOut(port) {
	const client = net.connect({ port, host: address, allowHalfOpen: true });
	client.once("connect", () => keepClient(client));
}

function obey(line) {
	const [verb, number] = line.split(" ");
	if (verb === "connect") {
		dialOut(Number(number));
	} else if (verb === "close") {
		const closed = held.splice(0, Number(number));
		let left = closed.length;
		for (const client of closed) {
			client.once("close", () => --left || say("closed", closed.length));
			client.destroy();
		}
	} else {
		process.exit(0);
	}
}

process.title = name;
const options = { allowHalfOpen: true, pauseOnConnect: mode === "unread" };
const server = net.createServer(options, keepClient);
server.listen({ port: 0, host: address, backlog: 2048 }, () => say("port", server.address().port));
const commands = readline.createInterface({ input: process.stdin });
commands.on("line", obey);
commands.on("close", () => process.exit(0));
