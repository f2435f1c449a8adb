/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the fuzz targets share. A target is a program of libFuzzer's: it is given bytes, and what
 * the code under test promises is checked, beside what the sanitizers see.
 */
#ifndef TCPCLOSE_TESTS_FUZZ_H
#define TCPCLOSE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* A promise that was broken ends the program, which is how libFuzzer is told. */
#define FUZZ_CHECK(promise)                                                                        \
	do {                                                                                       \
		if (!(promise)) {                                                                  \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #promise);      \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#endif
