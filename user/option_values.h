/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * From the text of an option's argument to its value in struct options. Each refusal says what is
 * wrong and what to write instead. It knows nothing of argv.
 */
#ifndef TCPCLOSE_OPTION_VALUES_H
#define TCPCLOSE_OPTION_VALUES_H

#include "option_table.h"
#include "options.h"

/* 0; or -EINVAL and a clause in reason: "not a port (1 to 65535); give ports as 80,443". */
int option_set(struct options *options, const struct option_info *info, const char *text,
	       options_find_feature find_feature, struct buffer *reason);

/* Once the command is known: the format that --output named, text if none. As option_set(). */
int option_set_format(struct options *options, const struct option_info *info,
		      struct buffer *reason);

#endif
