// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Takes in what the Makefile makes of page/: .incbin, so that the program carries it with it. */
#include "output/page_parts.h"

#define PART(name, file)                                                                           \
	__asm__(".section .rodata\n"                                                               \
		".global " name "\n" name ":\n"                                                    \
		".incbin \"" file "\"\n"                                                           \
		".global " name "_end\n" name "_end:\n"                                            \
		".byte 0\n"                                                                        \
		".previous\n")

PART("page_head", "head.html");
PART("page_tail", "tail.html");
