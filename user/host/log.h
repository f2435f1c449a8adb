/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Messages for people on stderr: one line each, whatever they quote escaped. libbpf's own messages
 * join them. Knows nothing of what a message is about; library rooms never print.
 */
#ifndef TCPCLOSE_HOST_LOG_H
#define TCPCLOSE_HOST_LOG_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_FORMAT(string, first) __attribute__((format(printf, string, first)))

/* Also show log_debug() and what libbpf says (-v). */
void log_set_verbose(bool verbose);

/* "tcpclose-trace: ..." */
void log_error(const char *format, ...) LOG_FORMAT(1, 2);
/* "tcpclose-trace: warning: ..." */
void log_warning(const char *format, ...) LOG_FORMAT(1, 2);
/* The line as it is, for the summary and other plain facts. */
void log_info(const char *format, ...) LOG_FORMAT(1, 2);
/* Only when verbose. */
void log_debug(const char *format, ...) LOG_FORMAT(1, 2);

/* A warning that would repeat: the first is shown, all are counted. Zero-initialise one for each
 * place that warns. */
struct log_once {
	uint64_t count;
};

void log_warning_once(struct log_once *once, const char *format, ...) LOG_FORMAT(2, 3);

/* Takes over libbpf's messages: shown when verbose, and kept for log_libbpf_cause(). */
void log_take_libbpf(void);
/* Before an operation whose failure is to be explained. */
void log_libbpf_forget(void);
/* Why libbpf failed since then: its first warning (the later ones only say that something
 * failed), and the verifier's last word if there is one. Empty if it did not complain. */
const char *log_libbpf_cause(void);
/* The program that was not loaded since then; empty if there was none. */
const char *log_libbpf_program(void);

#endif
