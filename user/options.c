// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "options.h"

#include <errno.h>
#include <string.h>

#include "option_table.h"
#include "option_values.h"

#define RING_SIZE (16u * 1024 * 1024)
#define INTERVAL 1000000000ull

_Static_assert(sizeof(enum packet_source) == sizeof(unsigned int), "as OPTION_CHOICE writes it");

struct parser {
	struct options *options;
	options_find_feature find_feature;
	struct buffer *error;
	char *const *next; /* of argv; NULL at its end */
	bool commanded;    /* a command word was given */
	uint64_t given;    /* bit set of options, by their place in the table */
};

/* "cannot use WHAT[ TEXT]: why" with what the user wrote made harmless. */
static int refuse(struct parser *parser, const char *dashes, const char *what, size_t length,
		  const char *text, const char *why)
{
	buffer_add_literal(parser->error, "cannot use ");
	buffer_add_string(parser->error, dashes);
	buffer_add_escaped(parser->error, what, length);
	if (text) {
		buffer_add_char(parser->error, ' ');
		buffer_add_escaped(parser->error, text, SIZE_MAX);
	}
	buffer_add_literal(parser->error, ": ");
	buffer_add_string(parser->error, why);
	return -EINVAL;
}

static int set(struct parser *parser, const struct option_info *info, const char *text)
{
	struct buffer reason;
	int error;

	buffer_init(&reason);
	error = option_set(parser->options, info, text, parser->find_feature, &reason);
	buffer_add_char(&reason, '\0');
	if (error)
		refuse(parser, "--", info->name, SIZE_MAX, text,
		       reason.failed ? "no memory" : reason.data);
	else if (info->asked)
		*((bool *)((char *)parser->options + info->asked)) = true;
	parser->given |= 1ull << (info - option_table);
	buffer_done(&reason);
	return error;
}

/* An option and its argument, either attached to it or the next of argv. */
static int take(struct parser *parser, const struct option_info *info, const char *attached)
{
	if (info->argument && !attached) {
		attached = *parser->next;
		if (!attached) {
			buffer_add_literal(parser->error, "cannot use --");
			buffer_add_string(parser->error, info->name);
			buffer_add_literal(parser->error, ": it needs an argument; give --");
			buffer_add_string(parser->error, info->name);
			buffer_add_char(parser->error, ' ');
			buffer_add_string(parser->error, info->argument);
			return -EINVAL;
		}
		parser->next++;
	}
	return set(parser, info, attached);
}

/* --name, --name argument, --name=argument */
static int take_long(struct parser *parser, const char *text)
{
	size_t length = strcspn(text, "=");
	const struct option_info *info = option_find_name(text, length);
	const char *attached = text[length] ? text + length + 1 : NULL;

	if (!info)
		return refuse(parser, "--", text, length, NULL,
			      "there is no such option; --help lists them");
	if (attached && !info->argument)
		return refuse(parser, "--", text, SIZE_MAX, NULL, "it takes no argument");
	return take(parser, info, attached);
}

/* -v, -vo json, -ojson */
static int take_letters(struct parser *parser, const char *text)
{
	for (; *text; text++) {
		const struct option_info *info = option_find_letter(*text);
		int error;

		if (!info)
			return refuse(parser, "-", text, 1, NULL,
				      "there is no such option; --help lists them");
		if (info->argument)
			return take(parser, info, text[1] ? text + 1 : NULL);
		error = take(parser, info, NULL);
		if (error)
			return error;
	}
	return 0;
}

/* A command; or a file of the command that takes some. */
static int take_operand(struct parser *parser, const char *text)
{
	const struct command_info *command = command_find(text);

	if (parser->commanded && parser->options->command == COMMAND_REPORT)
		return set(parser, option_find_letter('r'), text);
	if (!command)
		return refuse(parser, "", text, SIZE_MAX, NULL,
			      "it is neither an option nor a command; --help lists what can be "
			      "given");
	if (parser->commanded)
		return refuse(parser, "", text, SIZE_MAX, NULL, "one command is enough");
	parser->commanded = true;
	parser->options->command = (enum command)command->command;
	return 0;
}

static bool is_given(const struct parser *parser, const struct option_info *info)
{
	return parser->given >> (info - option_table) & 1;
}

/* The word may follow the options, so this is known at the end. */
static int check_command(struct parser *parser)
{
	unsigned int command = parser->options->command;

	for (const struct option_info *info = option_table; info->name; info++) {
		if (!is_given(parser, info) || !info->commands || info->commands & command)
			continue;
		buffer_add_literal(parser->error, "cannot use --");
		buffer_add_string(parser->error, info->name);
		buffer_add_string(parser->error,
				  command == COMMAND_LIVE ? " without a command" : " with ");
		if (command != COMMAND_LIVE)
			buffer_add_string(parser->error, command_info(command)->name);
		buffer_add_literal(parser->error, ": it is for ");
		command_add_titles(parser->error, info->commands);
		buffer_add_literal(parser->error, " only");
		return -EINVAL;
	}
	return 0;
}

/* Of files nothing can be asked that only the kernel knows. */
static int check_reading(struct parser *parser)
{
	if (!parser->options->read_count)
		return 0;
	for (const struct option_info *info = option_table; info->name; info++)
		if (info->live && is_given(parser, info))
			return refuse(parser, "--", info->name, SIZE_MAX, NULL,
				      "it is for live tracing, and a file is read here");
	return 0;
}

static int check_recording(struct parser *parser)
{
	const struct options *options = parser->options;

	if (options->write)
		return 0;
	if (options->rotate_size || options->rotate_interval || options->rotate_count)
		return refuse(parser, "", "-C, -G or -W", SIZE_MAX, NULL,
			      "nothing is recorded; give --write FILE");
	return 0;
}

static int resolve_output(struct parser *parser)
{
	struct options *options = parser->options;
	struct buffer reason;
	int error;

	if (options->command == COMMAND_REPORT) {
		options->page = options->output;
		if (options->help || (options->page && options->read_count))
			return 0;
		return refuse(parser, "", "report", SIZE_MAX, NULL,
			      "it needs a file to read and a page to write: report FILE -o PAGE");
	}
	buffer_init(&reason);
	error = option_set_format(options, option_find_letter('o'), &reason);
	buffer_add_char(&reason, '\0');
	if (error)
		refuse(parser, "--", "output", SIZE_MAX, options->output,
		       reason.failed ? "no memory" : reason.data);
	buffer_done(&reason);
	return error;
}

static int check_together(struct parser *parser)
{
	struct options *options = parser->options;

	if (options->ipv4 && options->ipv6)
		return refuse(parser, "", "-4 and -6 together", SIZE_MAX, NULL,
			      "no connection is both; leave both out to see both");
	if (options->read_count == 2 &&
	    (!strcmp(options->reads[0], "-") || !strcmp(options->reads[1], "-")))
		return refuse(parser, "", "standard input for one of two files", SIZE_MAX, NULL,
			      "each is read twice; write it to a file first");
	if (options->interface_count && options->packets == PACKETS_NONE)
		return refuse(parser, "", "--interface with --packets none", SIZE_MAX, NULL,
			      "no segments are read then; leave one of them out");
	return 0;
}

int options_parse(struct options *options, int argc, char *const *argv,
		  options_find_feature find_feature, struct buffer *error)
{
	struct parser parser = {
		.options = options,
		.find_feature = find_feature,
		.error = error,
		.next = argv + (argc > 0),
	};
	bool operands = false; /* -- was seen */
	int result = 0;

	*options = (struct options){
		.command = COMMAND_LIVE,
		.interval = INTERVAL,
		.ring_size = RING_SIZE,
	};
	while (*parser.next && !result) {
		const char *text = *parser.next++;

		if (operands || text[0] != '-' || !text[1])
			result = take_operand(&parser, text);
		else if (!strcmp(text, "--"))
			operands = true;
		else if (text[1] == '-')
			result = take_long(&parser, text + 2);
		else
			result = take_letters(&parser, text + 1);
	}
	if (!result)
		result = check_command(&parser);
	if (!result)
		result = check_reading(&parser);
	if (!result)
		result = check_recording(&parser);
	if (!result)
		result = resolve_output(&parser);
	if (result)
		return result;
	options->filter.family = options->ipv4 ? 4 : options->ipv6 ? 6 : 0;
	return check_together(&parser);
}

struct filter options_filter(const struct options *options, uint32_t netns, uint64_t cgroup)
{
	struct filter filter = options->filter;

	filter.netns = netns;
	filter.cgroup = cgroup;
	return filter;
}
