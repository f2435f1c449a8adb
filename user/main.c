// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/log.h"
#include "host/memory.h"
#include "host/writing.h"
#include "kernel/features.h"
#include "kernel/plan.h"
#include "leaks.h"
#include "options.h"
#include "refusal.h"
#include "replay.h"
#include "request.h"
#include "session.h"
#include "timewait.h"
#include "usage.h"

static enum exit_status print(struct buffer *out)
{
	bool written = !out->failed && fwrite(out->data, 1, out->length, stdout) == out->length &&
		       fflush(stdout) == 0;

	buffer_done(out);
	return written ? EXIT_DONE : EXIT_FAILED;
}

/* The manual page: its template comes in, the page goes out. */
static enum exit_status print_manual(void)
{
	struct buffer template, page;
	char block[4096];
	size_t length;

	buffer_init(&template);
	buffer_init(&page);
	while ((length = fread(block, 1, sizeof(block), stdin)) > 0)
		buffer_add(&template, block, length);
	usage_manual(&page, template.data ? template.data : "", template.length, VERSION);
	buffer_done(&template);
	return print(&page);
}

static enum exit_status print_version(const struct features *features)
{
	printf("tcpclose-trace %s\n\nWhat this kernel offers:\n", VERSION);
	for (int feature = 0; feature < FEATURES; feature++)
		printf("  %-18s %-3s  %s%s%s\n", feature_name(feature),
		       features->has[feature] ? "yes" : "no", feature_meaning(feature),
		       features->has[feature] ? "" : ": ", features->reason[feature]);
	return fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
}

static enum exit_status explain(const struct options *options, const struct features *features)
{
	const struct plan_request request = request_plan(options);
	struct plan plan = plan_make(features, &request);
	struct buffer out;

	buffer_init(&out);
	plan_explain(&plan, &out);
	if (print(&out) != EXIT_DONE)
		return EXIT_FAILED;
	if (!plan.refusal[0])
		return EXIT_DONE;
	log_error("%s", plan.refusal);
	return EXIT_NOT_ATTACHED;
}

static enum exit_status trace(const struct options *options, const struct features *features)
{
	if (options->command == COMMAND_TIMEWAIT)
		return timewait_run(options, features);
	if (options->command == COMMAND_LEAKS)
		return leaks_run(options, features);
	return session_run(options, features);
}

static enum exit_status run(const struct options *options)
{
	enum exit_status status;
	struct features features;
	struct buffer out;

	buffer_init(&out);
	if (options->help) {
		usage_help(&out);
		return print(&out);
	}
	if (options->completion) {
		usage_completion(&out);
		return print(&out);
	}
	if (options->manual)
		return print_manual();
	log_set_verbose(options->verbose);
	memory_large_pages();
	if (options->read_count && !options->version) {
		writing_never_blocks(STDOUT_FILENO);
		return replay_run(options);
	}
	log_take_libbpf();
	memory_keep();
	features_detect(&features, options->without);
	if (options->version)
		return print_version(&features);
	if (options->explain)
		return explain(options, &features);
	writing_never_blocks(STDOUT_FILENO);
	do
		status = trace(options, &features);
	while (status == EXIT_NOT_ATTACHED && refusal_bear(&features));
	return status;
}

/* One that is closed must not become a number of something else that is opened: what is written for
 * people would go there. It reads or writes nothing, as a closed one would. */
static bool keep_standard_descriptors(void)
{
	static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};

	for (int descriptor = 0; descriptor < 3; descriptor++)
		if (fcntl(descriptor, F_GETFD) < 0 &&
		    open("/dev/null", modes[descriptor]) != descriptor)
			return false;
	return true;
}

int main(int argc, char **argv)
{
	struct options options;
	struct buffer error;
	int status = EXIT_USAGE;

	buffer_init(&error);
	if (!keep_standard_descriptors())
		return EXIT_FAILED;
	if (options_parse(&options, argc, argv, feature_find, &error))
		log_error("%.*s", (int)error.length, error.data);
	else
		status = run(&options);
	buffer_done(&error);
	return status;
}
