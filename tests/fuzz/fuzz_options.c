// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The command line: an input is words, each ended by a line feed. */
#include <errno.h>

#include "base/utf8.h"
#include "fuzz.h"
#include "options.h"

#define WORDS 64

static enum feature find_feature(const char *name)
{
	return name[0] == 't' ? FEATURE_TCX : FEATURES;
}

/* One sentence, whatever was in the words. */
static void check_sentence(const struct buffer *error)
{
	FUZZ_CHECK(error->length && !error->failed);
	for (size_t at = 0; at < error->length;) {
		uint32_t character;
		size_t size = utf8_decode(error->data + at, error->length - at, &character);

		FUZZ_CHECK(size && !utf8_is_hidden(character));
		at += size;
	}
}

static void check_options(const struct options *options)
{
	const struct filter *filter = &options->filter;

	FUZZ_CHECK(options->interface_count <= OPTIONS_INTERFACES);
	FUZZ_CHECK(options->read_count <= OPTIONS_READS);
	FUZZ_CHECK(options->packets <= PACKETS_NONE);
	FUZZ_CHECK(options->command == COMMAND_REPORT || options->format);
	FUZZ_CHECK(options->interval && options->ring_size);
	FUZZ_CHECK(!(options->ring_size & (options->ring_size - 1)));
	FUZZ_CHECK(filter->network_count <= FILTER_NETWORKS);
	for (unsigned int i = 0; i < filter->network_count; i++)
		for (unsigned int byte = 0; byte < 16; byte++)
			FUZZ_CHECK(!(filter->networks[i].address[byte] &
				     ~filter->networks[i].mask[byte]));
	FUZZ_CHECK(filter->comm[sizeof(filter->comm) - 1] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *words[WORDS + 2] = {"tcpclose-trace"};
	char *text = strndup((const char *)bytes, length), *rest = text, *word;
	struct options options;
	struct buffer error;
	int count = 1, result;

	FUZZ_CHECK(text);
	/* Each in memory of its own length. */
	while (count <= WORDS && (word = strsep(&rest, "\n")) && (*word || rest))
		FUZZ_CHECK((words[count++] = strdup(word)));
	free(text);
	buffer_init(&error);
	result = options_parse(&options, count, words, find_feature, &error);
	if (result) {
		FUZZ_CHECK(result == -EINVAL);
		check_sentence(&error);
	} else {
		FUZZ_CHECK(!error.length);
		check_options(&options);
	}
	buffer_done(&error);
	while (--count)
		free(words[count]);
	return 0;
}
