// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The reader of captures, given what does not begin as pcapng: that has a target of its own. */
#include "fuzz_capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	if (length < 4 || memcmp(bytes, "\n\r\r\n", 4) != 0)
		fuzz_capture(bytes, length);
	return 0;
}
