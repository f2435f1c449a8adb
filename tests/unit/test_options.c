// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "option_table.h"
#include "options.h"
#include "usage.h"

static struct options options;
static struct buffer text;

static int setup(void **state)
{
	(void)state;
	buffer_init(&text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buffer_done(&text);
	return 0;
}

static enum feature find_feature(const char *name)
{
	return !strcmp(name, "tcx") ? FEATURE_TCX : !strcmp(name, "btf") ? FEATURE_BTF : FEATURES;
}

/* A command line with single spaces between its words; _ stands for a space in a word. */
static int parse(const char *line)
{
	static char copy[512];
	char *argv[64] = {"tcpclose-trace"};
	int argc = 1;

	assert_true(strlen(line) < sizeof(copy));
	strcpy(copy, line);
	for (char *word = copy, *next; word && *line; word = next) {
		next = strchr(word, ' ');
		if (next)
			*next++ = '\0';
		for (char *space = strchr(word, '_'); space; space = strchr(space, '_'))
			*space = ' ';
		assert_true(argc < 63);
		argv[argc++] = word;
	}
	buffer_clear(&text);
	return options_parse(&options, argc, argv, find_feature, &text);
}

static void assert_parses(const char *line)
{
	int error = parse(line);

	buffer_add_char(&text, '\0');
	if (error)
		fail_msg("%s: %s", line, text.data);
	assert_int_equal(text.length, 1);
}

static void assert_refused(const char *line, const char *sentence)
{
	assert_int_equal(parse(line), -EINVAL);
	buffer_add_char(&text, '\0');
	assert_string_equal(text.data, sentence);
}

static void nothing_asked_for_means_everything(void **state)
{
	static const struct filter everything;

	(void)state;
	assert_parses("");
	assert_ptr_equal(options.format, &output_timeline);
	assert_int_equal(options.packets, PACKETS_TC);
	assert_false(options.packets_asked);
	assert_int_equal(options.ring_size, 16 * 1024 * 1024);
	assert_memory_equal(&options.filter, &everything, sizeof(everything));
	assert_int_equal(options.interface_count + options.count + options.duration, 0);
	assert_false(options.help || options.version || options.explain || options.verbose);
}

static void short_and_long_are_the_same(void **state)
{
	(void)state;
	assert_parses("-i eth0 --interface=lo -p 7 -c nginx -L 80,443 -D 1 -o json -d 1.5 -n 3 -v");
	assert_int_equal(options.interface_count, 2);
	assert_string_equal(options.interfaces[0], "eth0");
	assert_string_equal(options.interfaces[1], "lo");
	assert_int_equal(options.filter.pid, 7);
	assert_string_equal(options.filter.comm, "nginx");
	assert_int_equal(options.filter.local_ports[0], 80);
	assert_int_equal(options.filter.local_ports[1], 443);
	assert_int_equal(options.filter.local_ports[2], 0);
	assert_int_equal(options.filter.remote_ports[0], 1);
	assert_ptr_equal(options.format, &output_json);
	assert_int_equal(options.duration, 1500000000);
	assert_int_equal(options.count, 3);
	assert_true(options.verbose);
	assert_parses("--pid 7 --comm nginx --lport=80 --lport 443 --rport 1 --output table");
	assert_int_equal(options.filter.local_ports[1], 443);
	assert_ptr_equal(options.format, &output_table);
	assert_parses("-vojson -n3 -4");
	assert_true(options.verbose);
	assert_ptr_equal(options.format, &output_json);
	assert_int_equal(options.count, 3);
	assert_int_equal(options.filter.family, 4);
	assert_parses("-6");
	assert_int_equal(options.filter.family, 6);
	assert_parses("--");
	assert_parses("-hV --explain --raw-seq --ready-file /tmp/x --cgroup /a --netns 1");
	assert_true(options.help && options.version && options.explain && options.raw_seq);
	assert_string_equal(options.ready_file, "/tmp/x");
	assert_string_equal(options.cgroup, "/a");
	assert_string_equal(options.netns, "1");
}

static void choices_are_those_of_the_plan(void **state)
{
	(void)state;
	assert_parses("--packets tc");
	assert_int_equal(options.packets, PACKETS_TC);
	assert_true(options.packets_asked);
	assert_parses("--packets xdp");
	assert_int_equal(options.packets, PACKETS_XDP);
	assert_parses("--packets=none");
	assert_int_equal(options.packets, PACKETS_NONE);
	assert_refused("--packets pcap",
		       "cannot use --packets pcap: there is no such choice; give tc, xdp or none");
	assert_refused(
		"-o html",
		"cannot use --output html: there is no such choice; give text, table or json");
}

static void every_format_offered_exists(void **state)
{
	const struct option_info *info = option_find_name("output", 6);

	(void)state;
	for (unsigned int i = 0; info->choices[i]; i++)
		assert_non_null(output_format_find(info->choices[i]));
}

static void ports_are_1_to_65535(void **state)
{
	static const char *const wrong[] = {"0",   "65536", "70000", "-1",
					    "x",   "80,",   ",80",   "80,,81",
					    "8_0", "",      "0x50",  "99999999999999999999999"};

	(void)state;
	assert_parses("-L 65535,1,80,80");
	assert_int_equal(options.filter.local_ports[2], 80);
	assert_int_equal(options.filter.local_ports[3], 0);
	assert_refused("--lport 70000", "cannot use --lport 70000: not a port (1 to 65535); "
					"give ports as 80,443");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char line[64] = "--rport=";

		strcat(line, wrong[i]);
		assert_int_equal(parse(line), -EINVAL);
	}
	assert_parses("-L 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16");
	assert_int_equal(options.filter.local_ports[15], 16);
	assert_refused("-L 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
		       "cannot use --lport 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17: more than 16 "
		       "ports; give fewer, or filter by address");
}

static void assert_network(const char *line, const char *address, const char *mask)
{
	const struct filter_network *network = &options.filter.networks[0];

	assert_parses(line);
	assert_int_equal(options.filter.network_count, 1);
	for (unsigned int i = 0; i < 16; i++) {
		char pair[3] = {address[2 * i], address[2 * i + 1], '\0'};

		assert_int_equal(network->address[i], strtoul(pair, NULL, 16));
		memcpy(pair, mask + 2 * i, 2);
		assert_int_equal(network->mask[i], strtoul(pair, NULL, 16));
	}
}

static void networks_have_the_form_of_a_flow(void **state)
{
	(void)state;
	assert_network("--addr 10.0.0.0/8", "00000000000000000000ffff0a000000",
		       "ffffffffffffffffffffffffff000000");
	assert_network("--addr 192.0.2.128/25", "00000000000000000000ffffc0000280",
		       "ffffffffffffffffffffffffffffff80");
	assert_network("--addr 192.0.2.1", "00000000000000000000ffffc0000201",
		       "ffffffffffffffffffffffffffffffff");
	assert_network("--addr 0.0.0.0/0", "00000000000000000000ffff00000000",
		       "ffffffffffffffffffffffff00000000");
	assert_network("--addr 2001:db8::/33", "20010db8000000000000000000000000",
		       "ffffffff800000000000000000000000");
	assert_network("--addr ::1", "00000000000000000000000000000001",
		       "ffffffffffffffffffffffffffffffff");
	assert_network("--addr ::/0", "00000000000000000000000000000000",
		       "00000000000000000000000000000000");
	assert_parses("--addr 10.0.0.0/8 --addr ::1");
	assert_int_equal(options.filter.network_count, 2);
}

static void networks_are_refused_with_advice(void **state)
{
	static const char *const wrong[] = {
		"10.0.0/8",
		"10.0.0.256",
		"example.org",
		"fe80::1%eth0",
		"",
		"/8",
		"::1::2",
		"1.2.3.4.5",
		"2001:db8:1111:2222:3333:4444:5555:6666:7777:8888:9999"};

	(void)state;
	assert_refused("--addr 10.0.0.5/8",
		       "cannot use --addr 10.0.0.5/8: it has bits set past the prefix; give "
		       "10.0.0.0/8 for the network or 10.0.0.5 for the host");
	assert_refused("--addr 2001:db8::1/32",
		       "cannot use --addr 2001:db8::1/32: it has bits set past the prefix; give "
		       "2001:db8::/32 for the network or 2001:db8::1 for the host");
	assert_refused(
		"--addr 10.0.0.0/33",
		"cannot use --addr 10.0.0.0/33: the prefix is not a number from 0 to 32; give "
		"a network as 10.0.0.0/8 or 2001:db8::/32");
	assert_int_equal(parse("--addr ::/129"), -EINVAL);
	assert_int_equal(parse("--addr 10.0.0.0/"), -EINVAL);
	assert_int_equal(parse("--addr 10.0.0.0/8x"), -EINVAL);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char line[96] = "--addr=";

		strcat(line, wrong[i]);
		assert_int_equal(parse(line), -EINVAL);
		buffer_add_char(&text, '\0');
		assert_non_null(strstr(text.data, "not an address or a network; give 10.0.0.0/8"));
	}
	assert_int_equal(parse("--addr ::1 --addr ::2 --addr ::3 --addr ::4 --addr ::5 --addr ::6 "
			       "--addr ::7 --addr ::8 --addr ::9"),
			 -EINVAL);
}

static void times_have_fractions(void **state)
{
	(void)state;
	assert_parses("-d 10");
	assert_int_equal(options.duration, 10000000000);
	assert_parses("-d .25");
	assert_int_equal(options.duration, 250000000);
	assert_parses("-d 0.0000000019");
	assert_int_equal(options.duration, 1);
	assert_parses("-d 2.");
	assert_int_equal(options.duration, 2000000000);
	assert_refused("-d 0", "cannot use --duration 0: not a time above 0; give seconds as 10 or "
			       "0.5");
	assert_int_equal(parse("-d -1"), -EINVAL);
	assert_int_equal(parse("-d ."), -EINVAL);
	assert_int_equal(parse("-d 1.2.3"), -EINVAL);
	assert_int_equal(parse("-d 1e9"), -EINVAL);
	assert_int_equal(parse("-d 99999999999999999999"), -EINVAL);
}

static void ring_sizes_are_powers_of_two(void **state)
{
	(void)state;
	assert_parses("--ring-size 1048576");
	assert_int_equal(options.ring_size, 1048576);
	assert_parses("--ring-size 512k");
	assert_int_equal(options.ring_size, 524288);
	assert_parses("--ring-size 64M");
	assert_int_equal(options.ring_size, 67108864);
	assert_parses("--ring-size 1024M");
	assert_int_equal(options.ring_size, 1073741824);
	assert_int_equal(parse("--ring-size 3M"), -EINVAL);
	assert_int_equal(parse("--ring-size 2048M"), -EINVAL);
	assert_int_equal(parse("--ring-size 1k"), -EINVAL);
	assert_int_equal(parse("--ring-size 0"), -EINVAL);
	assert_int_equal(parse("--ring-size M"), -EINVAL);
	assert_int_equal(parse("--ring-size 16G"), -EINVAL);
	buffer_add_char(&text, '\0');
	assert_non_null(strstr(text.data, "not a power of two from "));
	assert_non_null(strstr(text.data, " to 1024M; give a size as 16M or 512k"));
}

static void names_are_checked(void **state)
{
	(void)state;
	assert_parses("--comm a-name-longer-than-15");
	assert_string_equal(options.filter.comm, "a-name-longer-t");
	assert_int_equal(parse("--comm="), -EINVAL);
	assert_refused("-i an-interface-too-long",
		       "cannot use --interface an-interface-too-long: not "
		       "the name of an interface; ip link lists them");
	assert_int_equal(parse("-i a/b"), -EINVAL);
	assert_int_equal(parse("--interface="), -EINVAL);
	assert_int_equal(parse("--netns /run/netns/a"), -EINVAL);
	assert_int_equal(parse("--cgroup="), -EINVAL);
	assert_refused("-p 0", "cannot use --pid 0: not a process; give one pid as 991");
	assert_int_equal(parse("-p 4194305"), -EINVAL);
	assert_int_equal(parse("-p self"), -EINVAL);
	assert_refused("-n 0", "cannot use --count 0: not a number above 0; give a count as 100");
	assert_parses("-n 18446744073709551615");
	assert_int_equal(parse("-n 18446744073709551616"), -EINVAL);
}

static void features_are_switched_off(void **state)
{
	(void)state;
	assert_parses("--without tcx --without btf");
	assert_int_equal(options.without, 1u << FEATURE_TCX | 1u << FEATURE_BTF);
	assert_refused(
		"--without magic",
		"cannot use --without magic: there is no such feature; --version lists them");
}

static void what_cannot_be_is_refused(void **state)
{
	(void)state;
	assert_refused("--what", "cannot use --what: there is no such option; --help lists them");
	assert_refused("--lpor 80",
		       "cannot use --lpor: there is no such option; --help lists them");
	assert_refused("--what=7", "cannot use --what: there is no such option; --help lists them");
	assert_refused("-vx", "cannot use -x: there is no such option; --help lists them");
	assert_refused("-w", "cannot use --write: it needs an argument; give --write FILE");
	assert_refused("-r", "cannot use --read: it needs an argument; give --read FILE");
	assert_refused("-\033", "cannot use -\\x1b: there is no such option; --help lists them");
	assert_refused("--raw-seq=1", "cannot use --raw-seq=1: it takes no argument");
	assert_refused("-L", "cannot use --lport: it needs an argument; give --lport P[,P]");
	assert_refused("--ready-file",
		       "cannot use --ready-file: it needs an argument; give --ready-file PATH");
	assert_refused("-v eth0 -q",
		       "cannot use eth0: it is neither an option nor a command; --help "
		       "lists what can be given");
	assert_refused("-- -v",
		       "cannot use -v: it is neither an option nor a command; --help lists "
		       "what can be given");
	assert_int_equal(parse("-"), -EINVAL);
	assert_refused("-4 -6",
		       "cannot use -4 and -6 together: no connection is both; leave both out "
		       "to see both");
	assert_refused("-i lo --packets none", "cannot use --interface with --packets none: no "
					       "segments are read then; leave one of them out");
}

static void a_command_has_options_of_its_own(void **state)
{
	(void)state;
	assert_parses("");
	assert_int_equal(options.command, COMMAND_LIVE);
	assert_parses("timewait");
	assert_int_equal(options.command, COMMAND_TIMEWAIT);
	assert_int_equal(options.interval, 1000000000);
	assert_parses("-o json --interval 0.25 timewait -d 60 -L 80 --ready-file /tmp/x -v");
	assert_int_equal(options.command, COMMAND_TIMEWAIT);
	assert_int_equal(options.interval, 250000000);
	assert_int_equal(options.filter.local_ports[0], 80);
	assert_parses("timewait --explain --without tcx -p 7 -c a --cgroup /a --netns 1 -4");
	assert_parses("-- timewait");
	assert_refused("timewait -i lo",
		       "cannot use --interface with timewait: it is for live timelines only");
	assert_refused("-n 3 timewait",
		       "cannot use --count with timewait: it is for live timelines only");
	assert_int_equal(parse("timewait --packets tc"), -EINVAL);
	assert_int_equal(parse("timewait --raw-seq"), -EINVAL);
	assert_int_equal(parse("timewait --ring-size 1M"), -EINVAL);
	assert_refused("--interval 5",
		       "cannot use --interval without a command: it is for timewait and leaks "
		       "only");
	assert_refused("timewait --threshold 5",
		       "cannot use --threshold with timewait: it is for live timelines and leaks "
		       "only");
	assert_refused("--once", "cannot use --once without a command: it is for leaks only");
	assert_int_equal(parse("leaks --threshold 0"), -EINVAL);
	assert_int_equal(parse("leaks -n 5"), -EINVAL);
	assert_refused("timewait --interval 0", "cannot use --interval 0: not a time above 0; "
						"give seconds as 10 or 0.5");
	assert_refused("timewait timewait", "cannot use timewait: one command is enough");
	assert_refused("timewait leaks", "cannot use leaks: one command is enough");
	assert_refused("timewait all", "cannot use all: it is neither an option nor a command; "
				       "--help lists what can be given");
}

static void files_are_read_instead_of_the_kernel(void **state)
{
	(void)state;
	assert_parses("-r a.pcapng -o json -L 80 -n 3 -c nginx");
	assert_int_equal(options.read_count, 1);
	assert_string_equal(options.reads[0], "a.pcapng");
	assert_parses("-r a -r b");
	assert_string_equal(options.reads[1], "b");
	assert_parses("-r -");
	assert_refused("-r a -r b -r c",
		       "cannot use --read c: more than two files; two hosts can be joined");
	assert_refused("-r a -r -", "cannot use standard input for one of two files: each is read "
				    "twice; write it to a file first");
	assert_refused("-r a -i lo",
		       "cannot use --interface: it is for live tracing, and a file is "
		       "read here");
	assert_int_equal(parse("-r a -w b"), -EINVAL);
	assert_int_equal(parse("leaks -r a"), -EINVAL);
}

static void a_report_is_a_page(void **state)
{
	(void)state;
	assert_parses("report a.pcapng -o page.html");
	assert_int_equal(options.command, COMMAND_REPORT);
	assert_string_equal(options.page, "page.html");
	assert_string_equal(options.reads[0], "a.pcapng");
	assert_parses("-o json report a b -L 80");
	assert_string_equal(options.page, "json");
	assert_int_equal(options.read_count, 2);
	assert_parses("report -h");
	assert_refused("report", "cannot use report: it needs a file to read and a page to write: "
				 "report FILE -o PAGE");
	assert_int_equal(parse("report a"), -EINVAL);
	assert_int_equal(parse("report -o page.html"), -EINVAL);
	assert_int_equal(parse("report a -o page.html -d 3"), -EINVAL);
}

static void recordings_rotate_as_those_of_tcpdump(void **state)
{
	(void)state;
	assert_parses("-w a.pcapng -C 5 -G 60 -W 3");
	assert_string_equal(options.write, "a.pcapng");
	assert_int_equal(options.rotate_size, 5000000);
	assert_int_equal(options.rotate_interval, 60000000000);
	assert_int_equal(options.rotate_count, 3);
	assert_parses("-w - -C 512k");
	assert_int_equal(options.rotate_size, 512 * 1024);
	assert_parses("-w a -C 1g");
	assert_int_equal(options.rotate_size, 1 << 30);
	assert_refused("-w a -C 0", "cannot use --rotate-size 0: not a size above 0; give millions "
				    "of bytes as 100, or 512k, 100m, 1g");
	assert_int_equal(parse("-w a -C m"), -EINVAL);
	assert_int_equal(parse("-w a -C 99999999999999999999"), -EINVAL);
	assert_refused("-G 5", "cannot use -C, -G or -W: nothing is recorded; give --write FILE");
}

static void every_option_belongs_to_a_command(void **state)
{
	size_t count = 0;

	(void)state;
	for (const struct option_info *info = option_table; info->name; info++) {
		for (unsigned int bit = 1; bit <= info->commands; bit <<= 1)
			if (info->commands & bit)
				assert_int_equal(command_info(bit)->command, bit);
		count++;
	}
	assert_true(count <= 64); /* a bit for each */
	assert_ptr_equal(command_find("timewait"), command_info(COMMAND_TIMEWAIT));
	assert_ptr_equal(command_find("leaks"), command_info(COMMAND_LEAKS));
	assert_ptr_equal(command_find("report"), command_info(COMMAND_REPORT));
	assert_null(command_find(""));
}

static void the_filter_takes_what_was_looked_up(void **state)
{
	struct filter filter;

	(void)state;
	assert_parses("-p 5 -L 80");
	filter = options_filter(&options, 4026531840u, 77);
	assert_int_equal(filter.netns, 4026531840u);
	assert_int_equal(filter.cgroup, 77);
	assert_int_equal(filter.pid, 5);
	assert_int_equal(filter.local_ports[0], 80);
}

static void the_table_has_no_doubles(void **state)
{
	(void)state;
	for (const struct option_info *info = option_table; info->name; info++) {
		assert_ptr_equal(option_find_name(info->name, strlen(info->name)), info);
		if (info->letter)
			assert_ptr_equal(option_find_letter(info->letter), info);
		assert_int_equal(info->argument == NULL, info->type == OPTION_FLAG);
		assert_int_equal(info->choices != NULL,
				 info->type == OPTION_CHOICE || info->type == OPTION_FORMAT);
	}
	assert_null(option_find_letter('\0'));
	assert_null(option_find_name("", 0));
}

static void help_fits_and_names_all(void **state)
{
	(void)state;
	usage_help(&text);
	buffer_add_char(&text, '\0');
	for (const struct option_info *info = option_table; info->name; info++) {
		char name[64] = "--";

		strcat(name, info->name);
		assert_int_equal(strstr(text.data, name) != NULL, !info->hidden);
	}
	for (const char *line = text.data; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= 90);
}

static void the_manual_is_filled_in(void **state)
{
	static const char template[] =
		".TH X 8 \"@VERSION@\"\n@OPTIONS@\n@COMMANDS@\nkinds\n@KINDS@\n@CAUSES@\nend";

	(void)state;
	usage_manual(&text, template, sizeof(template) - 1, "1.2.3");
	buffer_add_char(&text, '\0');
	assert_ptr_equal(strstr(text.data, ".TH X 8 \"1.2.3\"\n.TP\n\\fB\\-i\\fR, "), text.data);
	assert_non_null(strstr(text.data, "\\fB\\-\\-raw\\-seq\\fR\n"));
	assert_non_null(strstr(text.data, "\n.TP\n\\fBtimewait\\fR\n"));
	assert_non_null(strstr(text.data, "\nFor timewait and leaks only.\n"));
	assert_non_null(strstr(text.data, "\nkinds\n.TP\n"));
	assert_non_null(strstr(text.data, "\\fBfour\\-way\\fR\n"));
	assert_non_null(strstr(text.data, "\\fBunread\\-data\\fR\n"));
	assert_non_null(strstr(text.data, "\nend\n"));
	assert_null(strchr(text.data, '@'));
}

static void completion_offers_choices(void **state)
{
	(void)state;
	usage_completion(&text);
	buffer_add_char(&text, '\0');
	assert_non_null(strstr(text.data, "\t-o | --output)\n\t\tCOMPREPLY=($(compgen -W "
					  "'text table json' -- \"$current\"))\n"));
	assert_non_null(strstr(text.data, " --ring-size "));
	assert_non_null(strstr(text.data, "-W 'timewait leaks report --interface "));
	assert_non_null(strstr(text.data, "\t*\" timewait \"*)\n\t\tCOMPREPLY=($(compgen -W "
					  "'--pid "));
	assert_null(strstr(text.data, "--completion"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_asked_for_means_everything),
		TEST(short_and_long_are_the_same),
		TEST(choices_are_those_of_the_plan),
		TEST(every_format_offered_exists),
		TEST(ports_are_1_to_65535),
		TEST(networks_have_the_form_of_a_flow),
		TEST(networks_are_refused_with_advice),
		TEST(times_have_fractions),
		TEST(ring_sizes_are_powers_of_two),
		TEST(names_are_checked),
		TEST(features_are_switched_off),
		TEST(what_cannot_be_is_refused),
		TEST(a_command_has_options_of_its_own),
		TEST(files_are_read_instead_of_the_kernel),
		TEST(a_report_is_a_page),
		TEST(recordings_rotate_as_those_of_tcpdump),
		TEST(every_option_belongs_to_a_command),
		TEST(the_filter_takes_what_was_looked_up),
		TEST(the_table_has_no_doubles),
		TEST(help_fits_and_names_all),
		TEST(the_manual_is_filled_in),
		TEST(completion_offers_choices),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
