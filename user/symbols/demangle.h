/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Names of C++ functions as a programmer writes them, by the C++ library if there is one: the
 * program does not need it.
 */
#ifndef TCPCLOSE_SYMBOLS_DEMANGLE_H
#define TCPCLOSE_SYMBOLS_DEMANGLE_H

/* Before the first name, and where the library can still be opened. */
void demangle_init(void);

/* The name to free(), or NULL if it is not a mangled one. */
char *demangle(const char *name);

#endif
