// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/reason.h"

#include <string.h>

void reason_add(struct buffer *why, const char *what, int error)
{
	if (why->length)
		buffer_add_string(why, "; ");
	buffer_add_string(why, what);
	if (!error)
		return;
	buffer_add_string(why, ": ");
	buffer_add_string(why, strerror(error < 0 ? -error : error));
}
