/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The reading process: takes questions from a socket and answers them, until that is closed. It
 * trusts none of the files it reads; what they do to it ends with it.
 */
#ifndef TCPCLOSE_SYMBOLS_SYMBOL_READER_H
#define TCPCLOSE_SYMBOLS_SYMBOL_READER_H

/* Returns when the socket is closed or broken. */
void symbol_reader_run(int socket);

#endif
