// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "host/log.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "host/writing.h"

#define PREFIX "tcpclose-trace: "

static bool is_verbose;

/* Of what libbpf complained; of each thread, as two may load programs at a time. */
static _Thread_local struct {
	char cause[256];
	char program[64]; /* that was not loaded */
	bool has_verdict;
} complaint;

void log_set_verbose(bool verbose)
{
	is_verbose = verbose;
}

/* One write per line, if it is no very long one, so that lines of several writers do not mix. */
static void log_line(const char *prefix, const char *text, size_t length)
{
	struct buffer line;

	buffer_init(&line);
	buffer_add_string(&line, prefix);
	buffer_add_escaped(&line, text, length);
	buffer_add_char(&line, '\n');
	if (!line.failed)
		writing_line(STDERR_FILENO, line.data, line.length);
	buffer_done(&line);
}

static void log_format(const char *prefix, const char *format, va_list arguments)
{
	char *text;

	if (vasprintf(&text, format, arguments) < 0)
		return;
	log_line(prefix, text, strlen(text));
	free(text);
}

#define LOG_ARGUMENTS(prefix, format)                                                              \
	do {                                                                                       \
		va_list arguments;                                                                 \
                                                                                                   \
		va_start(arguments, format);                                                       \
		log_format(prefix, format, arguments);                                             \
		va_end(arguments);                                                                 \
	} while (0)

void log_error(const char *format, ...)
{
	LOG_ARGUMENTS(PREFIX, format);
}

void log_warning(const char *format, ...)
{
	LOG_ARGUMENTS(PREFIX "warning: ", format);
}

void log_info(const char *format, ...)
{
	LOG_ARGUMENTS("", format);
}

void log_debug(const char *format, ...)
{
	if (is_verbose)
		LOG_ARGUMENTS("", format);
}

void log_warning_once(struct log_once *once, const char *format, ...)
{
	if (once->count++ == 0)
		LOG_ARGUMENTS(PREFIX "warning: ", format);
}

/* The verifier's log ends with its verdict and one line of statistics. */
static bool log_find_verdict(const char *text, const char **verdict, int *length)
{
	const char *log = strstr(text, "BEGIN PROG LOAD LOG --\n");
	const char *end = log ? strstr(log, "\nprocessed ") : NULL;

	if (!end)
		return false;
	log = strchr(log, '\n');
	*verdict = memrchr(log, '\n', (size_t)(end - log));
	*verdict = *verdict ? *verdict + 1 : log + 1;
	*length = (int)(end - *verdict);
	return *length > 0;
}

static void log_keep_program(const char *text)
{
	const char *name = strstr(text, "prog '"), *end;

	if (complaint.program[0] || !name || !strstr(text, "failed to load"))
		return;
	name += strlen("prog '");
	end = strchr(name, '\'');
	if (end)
		snprintf(complaint.program, sizeof(complaint.program), "%.*s", (int)(end - name),
			 name);
}

static void log_keep_cause(const char *text)
{
	size_t used = strlen(complaint.cause);
	const char *verdict;
	int length;

	if (log_find_verdict(text, &verdict, &length)) {
		if (!complaint.has_verdict)
			snprintf(complaint.cause + used, sizeof(complaint.cause) - used, "%s%.*s",
				 used ? ": " : "", length, verdict);
		complaint.has_verdict = true;
	} else if (!used) {
		if (strncmp(text, "libbpf: ", 8) == 0)
			text += 8;
		snprintf(complaint.cause, sizeof(complaint.cause), "%.*s", (int)strcspn(text, "\n"),
			 text);
	}
}

static int log_libbpf(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char *text;

	/* Debug messages are many and long: do not even format them for nobody. */
	if (level == LIBBPF_DEBUG && !is_verbose)
		return 0;
	if (vasprintf(&text, format, arguments) < 0)
		return 0;
	if (level == LIBBPF_WARN) {
		log_keep_cause(text);
		log_keep_program(text);
	}
	if (is_verbose)
		for (const char *line = text; *line;) {
			size_t length = strcspn(line, "\n");

			log_line("", line, length);
			line += length + (line[length] == '\n');
		}
	free(text);
	return 0;
}

void log_take_libbpf(void)
{
	libbpf_set_print(log_libbpf);
}

void log_libbpf_forget(void)
{
	complaint.cause[0] = '\0';
	complaint.program[0] = '\0';
	complaint.has_verdict = false;
}

const char *log_libbpf_cause(void)
{
	return complaint.cause;
}

const char *log_libbpf_program(void)
{
	return complaint.program;
}
