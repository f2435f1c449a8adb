// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "output/output.h"

#include <string.h>

static const struct output_format *const formats[] = {
	&output_timeline,
	&output_table,
	&output_json,
	&output_page,
};

const struct output_format *output_format_find(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}
