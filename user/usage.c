// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "usage.h"

#include "core/classifier.h"
#include "option_table.h"
#include "options.h"
#include "output/text.h"

#define HELP_COLUMN 29
#define HELP_WIDTH 90

static void add_help_names(struct buffer *out, const struct option_info *info)
{
	buffer_add_literal(out, "  ");
	if (info->letter) {
		buffer_add_char(out, '-');
		buffer_add_char(out, info->letter);
		buffer_add_literal(out, ", ");
	} else {
		buffer_add_literal(out, "    ");
	}
	buffer_add_literal(out, "--");
	buffer_add_string(out, info->name);
	if (info->argument) {
		buffer_add_char(out, ' ');
		buffer_add_string(out, info->argument);
	}
}

static void add_help_text(struct buffer *out, size_t start, const char *help)
{
	if (text_width(out, start) + 2 > HELP_COLUMN) {
		buffer_add_char(out, '\n');
		start = out->length;
	}
	text_pad(out, start, HELP_COLUMN);
	text_add_wrapped(out, help, strlen(help), HELP_COLUMN, HELP_COLUMN, HELP_WIDTH);
	buffer_add_char(out, '\n');
}

/* Those that these commands take, and no others. */
static void add_help_options(struct buffer *out, unsigned int commands)
{
	for (const struct option_info *info = option_table; info->name; info++) {
		size_t start = out->length;

		if (info->hidden || info->commands != commands)
			continue;
		add_help_names(out, info);
		add_help_text(out, start, info->help);
	}
}

static bool is_first_for_its_commands(const struct option_info *option)
{
	const struct option_info *first = option_table;

	while (first->commands != option->commands)
		first++;
	return first == option;
}

void usage_help(struct buffer *out)
{
	buffer_add_literal(out, "usage: tcpclose-trace [COMMAND] [OPTIONS]\n\n");
	for (const struct command_info *info = command_table; info->command; info++) {
		size_t start = out->length;

		buffer_add_literal(out, "  ");
		buffer_add_string(out, info->name ? info->name : "(no command)");
		add_help_text(out, start, info->help);
	}
	buffer_add_literal(out, "\nOptions:\n");
	add_help_options(out, 0);
	for (const struct option_info *info = option_table; info->name; info++) {
		if (!info->commands || !is_first_for_its_commands(info))
			continue;
		buffer_add_literal(out, "\nFor ");
		command_add_titles(out, info->commands);
		buffer_add_literal(out, " only:\n");
		add_help_options(out, info->commands);
	}
	buffer_add_literal(out, "\nExit status: 0 done, 1 failed at run time, 2 wrong usage, "
				"3 nothing could be attached,\n4 suspects found (leaks --once).\n"
				"More: man tcpclose-trace\n");
}

/* Text in roff: no character of it is taken for a request. */
static void add_roff(struct buffer *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		buffer_add_literal(out, "\\&");
	for (; *text; text++) {
		if (*text == '\\')
			buffer_add_literal(out, "\\e");
		else if (*text == '-' && text[1] == '-')
			buffer_add_literal(out, "\\-");
		else
			buffer_add_char(out, *text);
	}
}

static void add_roff_name(struct buffer *out, const char *dashes, const char *name)
{
	buffer_add_literal(out, "\\fB");
	for (; *dashes; dashes++)
		buffer_add_literal(out, "\\-");
	for (; *name; name++) {
		if (*name == '-')
			buffer_add_char(out, '\\');
		buffer_add_char(out, *name);
	}
	buffer_add_literal(out, "\\fR");
}

static void add_manual_options(struct buffer *out)
{
	for (const struct option_info *info = option_table; info->name; info++) {
		char letter[] = {info->letter, '\0'};

		if (info->hidden)
			continue;
		buffer_add_literal(out, ".TP\n");
		if (info->letter) {
			add_roff_name(out, "-", letter);
			buffer_add_literal(out, ", ");
		}
		add_roff_name(out, "--", info->name);
		if (info->argument) {
			buffer_add_literal(out, " \\fI");
			add_roff(out, info->argument);
			buffer_add_literal(out, "\\fR");
		}
		buffer_add_char(out, '\n');
		add_roff(out, info->help);
		buffer_add_char(out, '\n');
		if (info->commands) {
			buffer_add_literal(out, "For ");
			command_add_titles(out, info->commands);
			buffer_add_literal(out, " only.\n");
		}
	}
}

static void add_manual_commands(struct buffer *out)
{
	for (const struct command_info *info = command_table; info->command; info++) {
		buffer_add_literal(out, ".TP\n");
		if (info->name)
			add_roff_name(out, "", info->name);
		else
			buffer_add_literal(out, "(no command)");
		buffer_add_char(out, '\n');
		add_roff(out, info->help);
		buffer_add_char(out, '\n');
	}
}

static void add_manual_kinds(struct buffer *out)
{
	for (unsigned int kind = 0; kind < CLOSE_KINDS; kind++) {
		const struct close_kind_info *info = close_kind_info((enum close_kind)kind);

		buffer_add_literal(out, ".TP\n");
		add_roff_name(out, "", info->name);
		buffer_add_char(out, '\n');
		add_roff(out, info->meaning);
		buffer_add_char(out, '\n');
		if (info->advice) {
			buffer_add_literal(out, "What to do: ");
			add_roff(out, info->advice);
			buffer_add_literal(out, ".\n");
		}
	}
}

static void add_manual_causes(struct buffer *out)
{
	for (unsigned int cause = CAUSE_NONE + 1; cause < CLOSE_CAUSES; cause++) {
		const struct close_cause_info *info = close_cause_info((enum close_cause)cause);

		buffer_add_literal(out, ".TP\n");
		add_roff_name(out, "", info->name);
		buffer_add_char(out, '\n');
		add_roff(out, info->meaning);
		buffer_add_literal(out, ".\n");
	}
}

static bool is_mark(const char *line, size_t length, const char *mark)
{
	return length == strlen(mark) && !memcmp(line, mark, length);
}

/* A line that is no mark, with the version in it. */
static void add_line(struct buffer *out, const char *line, size_t length, const char *version)
{
	static const char mark[] = "@VERSION@";
	const size_t size = sizeof(mark) - 1;
	const char *found;

	while ((found = memmem(line, length, mark, size))) {
		size_t before = (size_t)(found - line);

		buffer_add(out, line, before);
		buffer_add_string(out, version);
		line += before + size;
		length -= before + size;
	}
	buffer_add(out, line, length);
	buffer_add_char(out, '\n');
}

void usage_manual(struct buffer *out, const char *template, size_t length, const char *version)
{
	for (size_t at = 0; at < length;) {
		const char *line = template + at;
		const char *end = memchr(line, '\n', length - at);
		size_t size = end ? (size_t)(end - line) : length - at;

		if (is_mark(line, size, "@OPTIONS@"))
			add_manual_options(out);
		else if (is_mark(line, size, "@COMMANDS@"))
			add_manual_commands(out);
		else if (is_mark(line, size, "@KINDS@"))
			add_manual_kinds(out);
		else if (is_mark(line, size, "@CAUSES@"))
			add_manual_causes(out);
		else
			add_line(out, line, size, version);
		at += size + 1;
	}
}

/* What compgen makes the words of an option's argument from; nothing if any text may follow. */
static void add_words(struct buffer *out, const struct option_info *info)
{
	static const char *const sources[] = {
		[OPTION_FILE] = "-f",
		[OPTION_INTERFACES] = "-W \"$(command ls /sys/class/net 2>/dev/null)\"",
		[OPTION_NETNS] = "-W \"$(command ls /run/netns 2>/dev/null)\"",
	};
	const char *source = NULL;

	if (info->type < sizeof(sources) / sizeof(sources[0]))
		source = sources[info->type];
	if (!source && !info->choices)
		return;
	buffer_add_literal(out, "\t\tCOMPREPLY=($(compgen ");
	if (source)
		buffer_add_string(out, source);
	else
		buffer_add_literal(out, "-W '");
	for (unsigned int i = 0; !source && info->choices[i]; i++) {
		if (i)
			buffer_add_char(out, ' ');
		buffer_add_string(out, info->choices[i]);
	}
	buffer_add_string(out, source ? " -- \"$current\"))\n" : "' -- \"$current\"))\n");
}

static void add_argument_case(struct buffer *out, const struct option_info *info)
{
	buffer_add_char(out, '\t');
	if (info->letter) {
		buffer_add_char(out, '-');
		buffer_add_char(out, info->letter);
		buffer_add_literal(out, " | ");
	}
	buffer_add_literal(out, "--");
	buffer_add_string(out, info->name);
	buffer_add_literal(out, ")\n");
	add_words(out, info);
	buffer_add_literal(out, "\t\treturn\n\t\t;;\n");
}

/* What a command line may go on with: options that the command takes, and where there is none yet
 * the commands. */
static void add_option_words(struct buffer *out, unsigned int command)
{
	bool first = true;

	buffer_add_literal(out, "\t\tCOMPREPLY=($(compgen -W '");
	for (const struct command_info *info = command_table; info->command; info++) {
		if (!info->name || command != COMMAND_LIVE)
			continue;
		buffer_add_string(out, first ? "" : " ");
		buffer_add_string(out, info->name);
		first = false;
	}
	for (const struct option_info *info = option_table; info->name; info++) {
		if (info->hidden || (info->commands && !(info->commands & command)))
			continue;
		buffer_add_string(out, first ? "" : " ");
		first = false;
		buffer_add_literal(out, "--");
		buffer_add_string(out, info->name);
	}
	buffer_add_literal(out, "' -- \"$current\"))\n");
}

void usage_completion(struct buffer *out)
{
	buffer_add_literal(out, "# bash completion for tcpclose-trace, made from its option table\n"
				"_tcpclose_trace()\n{\n"
				"\tlocal current=${COMP_WORDS[COMP_CWORD]}\n"
				"\tlocal previous=${COMP_WORDS[COMP_CWORD - 1]}\n\n"
				"\tCOMPREPLY=()\n"
				"\tcase $previous in\n");
	for (const struct option_info *info = option_table; info->name; info++)
		if (info->argument && !info->hidden)
			add_argument_case(out, info);
	buffer_add_literal(out, "\tesac\n\tcase \" ${COMP_WORDS[*]} \" in\n");
	for (const struct command_info *info = command_table; info->command; info++) {
		if (!info->name)
			continue;
		buffer_add_literal(out, "\t*\" ");
		buffer_add_string(out, info->name);
		buffer_add_literal(out, " \"*)\n");
		add_option_words(out, info->command);
		buffer_add_literal(out, "\t\t;;\n");
	}
	buffer_add_literal(out, "\t*)\n");
	add_option_words(out, COMMAND_LIVE);
	buffer_add_literal(out, "\t\t;;\n\tesac\n}\n"
				"complete -F _tcpclose_trace tcpclose-trace\n");
}
