// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/tcp_state.h"

#include <ctype.h>
#include <stddef.h>

static const char *const names[TCP_STATES] = {
	[TCP_STATE_UNKNOWN] = "UNKNOWN",
	[TCP_STATE_ESTABLISHED] = "ESTABLISHED",
	[TCP_STATE_SYN_SENT] = "SYN_SENT",
	[TCP_STATE_SYN_RECV] = "SYN_RECV",
	[TCP_STATE_FIN_WAIT1] = "FIN_WAIT1",
	[TCP_STATE_FIN_WAIT2] = "FIN_WAIT2",
	[TCP_STATE_TIME_WAIT] = "TIME_WAIT",
	[TCP_STATE_CLOSED] = "CLOSED",
	[TCP_STATE_CLOSE_WAIT] = "CLOSE_WAIT",
	[TCP_STATE_LAST_ACK] = "LAST_ACK",
	[TCP_STATE_LISTEN] = "LISTEN",
	[TCP_STATE_CLOSING] = "CLOSING",
	[TCP_STATE_NEW_SYN_RECV] = "NEW_SYN_RECV",
	[TCP_STATE_BOUND_INACTIVE] = "BOUND_INACTIVE",
};

/* Other spellings: the kernel's, those of ss and of RFC 9293. */
static const struct {
	const char *name;
	enum tcp_state state;
} aliases[] = {
	{"CLOSE", TCP_STATE_CLOSED},          {"UNCONN", TCP_STATE_CLOSED},
	{"ESTAB", TCP_STATE_ESTABLISHED},     {"SYN_RCVD", TCP_STATE_SYN_RECV},
	{"SYN_RECEIVED", TCP_STATE_SYN_RECV},
};

static const char *skip_separators(const char *text)
{
	while (*text == '_' || *text == '-' || *text == ' ')
		text++;
	return text;
}

static bool same_name(const char *left, const char *right)
{
	for (;; left++, right++) {
		left = skip_separators(left);
		right = skip_separators(right);
		if (toupper((unsigned char)*left) != toupper((unsigned char)*right))
			return false;
		if (!*left)
			return true;
	}
}

const char *tcp_state_name(unsigned int state)
{
	return names[state < TCP_STATES ? state : TCP_STATE_UNKNOWN];
}

enum tcp_state tcp_state_parse(const char *text)
{
	for (unsigned int state = TCP_STATE_ESTABLISHED; state < TCP_STATES; state++)
		if (same_name(text, names[state]))
			return (enum tcp_state)state;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (same_name(text, aliases[i].name))
			return aliases[i].state;
	return TCP_STATE_UNKNOWN;
}

bool tcp_state_is_closing(unsigned int state)
{
	switch (state) {
	case TCP_STATE_FIN_WAIT1:
	case TCP_STATE_FIN_WAIT2:
	case TCP_STATE_TIME_WAIT:
	case TCP_STATE_CLOSE_WAIT:
	case TCP_STATE_LAST_ACK:
	case TCP_STATE_CLOSING:
		return true;
	default:
		return false;
	}
}
