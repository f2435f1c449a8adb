// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "option_table.h"

#include <string.h>

#include "options.h"

#define FIELD(name) offsetof(struct options, name)

static const char *const packet_sources[] = {
	[PACKETS_TC] = "tc",
	[PACKETS_XDP] = "xdp",
	[PACKETS_NONE] = "none",
	NULL,
};
static const char *const formats[] = {"text", "table", "json", NULL};

const struct command_info command_table[] = {
	{
		.command = COMMAND_LIVE,
		.help = "The close of every TCP connection, live, until Ctrl-C.",
		.title = "live timelines",
	},
	{
		.command = COMMAND_TIMEWAIT,
		.name = "timewait",
		.help = "Who is in TIME_WAIT, how long it lasts, why it ends, and when ports run "
			"out. Counted in the kernel, refreshed at an interval.",
		.title = "timewait",
	},
	{
		.command = COMMAND_LEAKS,
		.name = "leaks",
		.help = "Sockets stuck in CLOSE_WAIT: who holds them, since when, which code "
			"created them, and whether the end of file was read.",
		.title = "leaks",
	},
	{
		.command = COMMAND_REPORT,
		.name = "report",
		.help = "A recording or a capture as one page to look at: report FILE -o PAGE. "
			"Two files are joined as with --read.",
		.title = "report",
	},
	{0},
};

const struct option_info option_table[] = {
	{
		.letter = 'i',
		.name = "interface",
		.live = true,
		.commands = COMMAND_LIVE,
		.argument = "IF",
		.type = OPTION_INTERFACES,
		.help = "Watch segments on IF only (repeatable). Default: every interface, also "
			"ones that appear later.",
	},
	{
		.name = "packets",
		.live = true,
		.commands = COMMAND_LIVE,
		.argument = "tc|xdp|none",
		.type = OPTION_CHOICE,
		.field = FIELD(packets),
		.asked = FIELD(packets_asked),
		.choices = packet_sources,
		.help = "Where segments are read: tc in both directions (default); xdp: XDP for "
			"ingress and tc for egress; none: no segments, states only.",
	},
	{
		.letter = 'p',
		.name = "pid",
		.argument = "PID",
		.type = OPTION_PID,
		.field = FIELD(filter.pid),
		.help = "Only sockets that this process owns.",
	},
	{
		.letter = 'c',
		.name = "comm",
		.argument = "NAME",
		.type = OPTION_COMM,
		.field = FIELD(filter.comm),
		.help = "Only sockets owned by processes of this name, of which the kernel keeps "
			"15 bytes.",
	},
	{
		.name = "cgroup",
		.live = true,
		.argument = "PATH",
		.type = OPTION_FILE,
		.field = FIELD(cgroup),
		.help = "Only sockets of this cgroup (version 2) or one below it.",
	},
	{
		.name = "netns",
		.live = true,
		.argument = "PID|NAME",
		.type = OPTION_NETNS,
		.field = FIELD(netns),
		.help = "Only sockets of this network namespace: that of a process, or by its name "
			"in ip-netns(8).",
	},
	{
		.letter = 'L',
		.name = "lport",
		.argument = "P[,P]",
		.type = OPTION_PORTS,
		.field = FIELD(filter.local_ports),
		.help = "Only these local ports.",
	},
	{
		.letter = 'D',
		.name = "rport",
		.argument = "P[,P]",
		.type = OPTION_PORTS,
		.field = FIELD(filter.remote_ports),
		.help = "Only these remote ports.",
	},
	{
		.name = "addr",
		.argument = "CIDR",
		.type = OPTION_NETWORKS,
		.help = "Only connections with one end in this network, such as 10.0.0.0/8 or "
			"2001:db8::/32, or at this address (repeatable).",
	},
	{
		.letter = '4',
		.name = "ipv4",
		.type = OPTION_FLAG,
		.field = FIELD(ipv4),
		.help = "Only IPv4, also where a program uses an IPv6 socket for it.",
	},
	{
		.letter = '6',
		.name = "ipv6",
		.type = OPTION_FLAG,
		.field = FIELD(ipv6),
		.help = "Only IPv6.",
	},
	{
		.letter = 'o',
		.name = "output",
		.argument = "text|table|json",
		.type = OPTION_FORMAT,
		.field = FIELD(output),
		.choices = formats,
		.help = "A ladder per connection (text, default), one line per teardown (table), "
			"one JSON object per line (json). timewait: a screen, one line, or one "
			"object for each interval. leaks: a screen of groups, one line or one "
			"object per suspect. report: the page to write.",
	},
	{
		.letter = 'w',
		.name = "write",
		.live = true,
		.commands = COMMAND_LIVE,
		.argument = "FILE",
		.type = OPTION_FILE,
		.field = FIELD(write),
		.help = "Record to this file, too: pcapng that Wireshark, tshark and tcpdump open. "
			"With - to standard output, in place of the timelines: "
			"-w - | wireshark -k -i -",
	},
	{
		.letter = 'r',
		.name = "read",
		.commands = COMMAND_LIVE | COMMAND_TIMEWAIT | COMMAND_REPORT,
		.argument = "FILE",
		.type = OPTION_READS,
		.help = "Replay a recording, or analyse any pcap or pcapng, with no privilege; - "
			"is "
			"standard input. Given twice, recordings of two hosts are joined.",
	},
	{
		.letter = 'C',
		.name = "rotate-size",
		.live = true,
		.commands = COMMAND_LIVE,
		.argument = "MB[k|m|g]",
		.type = OPTION_MEGABYTES,
		.field = FIELD(rotate_size),
		.help = "With --write: begin the next file when this many million bytes are "
			"written, as tcpdump does.",
	},
	{
		.letter = 'G',
		.name = "rotate-time",
		.live = true,
		.commands = COMMAND_LIVE,
		.argument = "SECONDS",
		.type = OPTION_SECONDS,
		.field = FIELD(rotate_interval),
		.help = "With --write: begin the next file after this time; FILE may hold the time "
			"as strftime(3) writes it.",
	},
	{
		.letter = 'W',
		.name = "rotate-count",
		.live = true,
		.commands = COMMAND_LIVE,
		.argument = "N",
		.type = OPTION_COUNT,
		.field = FIELD(rotate_count),
		.help = "With -C: keep N files, the oldest is written over. With -G: end after N "
			"files.",
	},
	{
		.name = "raw-seq",
		.commands = COMMAND_LIVE,
		.type = OPTION_FLAG,
		.field = FIELD(raw_seq),
		.help = "Sequence numbers in text as they are on the wire, not relative to the "
			"first one of each side.",
	},
	{
		.letter = 'd',
		.name = "duration",
		.live = true,
		.argument = "SECONDS",
		.type = OPTION_SECONDS,
		.field = FIELD(duration),
		.help = "Stop after this time; fractions are allowed.",
	},
	{
		.letter = 'n',
		.name = "count",
		.commands = COMMAND_LIVE,
		.argument = "N",
		.type = OPTION_COUNT,
		.field = FIELD(count),
		.help = "Stop after N teardowns.",
	},
	{
		.name = "interval",
		.live = true,
		.commands = COMMAND_TIMEWAIT | COMMAND_LEAKS,
		.argument = "SECONDS",
		.type = OPTION_SECONDS,
		.field = FIELD(interval),
		.help = "Time between two views; fractions are allowed. Default: 1.",
	},
	{
		.name = "threshold",
		.live = true,
		.commands = COMMAND_LIVE | COMMAND_LEAKS,
		.argument = "SECONDS",
		.type = OPTION_SECONDS,
		.field = FIELD(threshold),
		.help = "How long in CLOSE_WAIT makes a socket a suspect; fractions are allowed. "
			"leaks: 30 by default. Live timelines: without it they tell of none.",
	},
	{
		.name = "once",
		.live = true,
		.commands = COMMAND_LEAKS,
		.type = OPTION_FLAG,
		.field = FIELD(once),
		.help = "Print what is there now and exit, with status 4 if there are suspects; "
			"with --duration, watch for that long before.",
	},
	{
		.name = "ready-file",
		.live = true,
		.argument = "PATH",
		.type = OPTION_FILE,
		.field = FIELD(ready_file),
		.help = "Create this file once everything is attached.",
	},
	{
		.name = "explain",
		.live = true,
		.type = OPTION_FLAG,
		.field = FIELD(explain),
		.help = "Print what would be attached (the mechanism chosen, those rejected, and "
			"why) and exit.",
	},
	{
		.name = "without",
		.live = true,
		.argument = "FEATURE",
		.type = OPTION_FEATURE,
		.field = FIELD(without),
		.help = "Act as if the kernel lacked FEATURE, to try what is done instead "
			"(repeatable). --version lists them.",
	},
	{
		.name = "ring-size",
		.live = true,
		.commands = COMMAND_LIVE,
		.argument = "BYTES[k|M]",
		.type = OPTION_RING_SIZE,
		.field = FIELD(ring_size),
		.help = "Size of the buffer between kernel and program, a power of two. "
			"Default: 16M.",
	},
	{
		.letter = 'v',
		.name = "verbose",
		.type = OPTION_FLAG,
		.field = FIELD(verbose),
		.help = "Say more, libbpf's messages too.",
	},
	{
		.letter = 'V',
		.name = "version",
		.type = OPTION_FLAG,
		.field = FIELD(version),
		.help = "Print the version and what this kernel offers, and exit.",
	},
	{
		.letter = 'h',
		.name = "help",
		.type = OPTION_FLAG,
		.field = FIELD(help),
		.help = "Print this help and exit.",
	},
	{
		.name = "man",
		.type = OPTION_FLAG,
		.field = FIELD(manual),
		.hidden = true,
		.help = "Print the manual page made from its template on standard input.",
	},
	{
		.name = "completion",
		.type = OPTION_FLAG,
		.field = FIELD(completion),
		.hidden = true,
		.help = "Print the completion for bash.",
	},
	{0},
};

const struct command_info *command_find(const char *name)
{
	for (const struct command_info *info = command_table; info->command; info++)
		if (info->name && !strcmp(info->name, name))
			return info;
	return NULL;
}

const struct command_info *command_info(unsigned int command)
{
	const struct command_info *info = command_table;

	while (info->command && info->command != command)
		info++;
	return info;
}

void command_add_titles(struct buffer *out, unsigned int commands)
{
	const char *between = "";

	for (const struct command_info *info = command_table; info->command; info++) {
		if (!(commands & info->command))
			continue;
		buffer_add_string(out, between);
		buffer_add_string(out, info->title);
		between = " and ";
	}
}

const struct option_info *option_find_letter(char letter)
{
	for (const struct option_info *info = option_table; info->name; info++)
		if (info->letter && info->letter == letter)
			return info;
	return NULL;
}

const struct option_info *option_find_name(const char *name, size_t length)
{
	for (const struct option_info *info = option_table; info->name; info++)
		if (!strncmp(info->name, name, length) && !info->name[length])
			return info;
	return NULL;
}
