// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "host/stop_signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Signals are the process', so this is, too. */
static struct {
	int descriptor; /* 0: not open */
	unsigned int asked;
} stop_signals;

int stop_signals_open(void)
{
	sigset_t set;
	int descriptor;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	descriptor = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (descriptor < 0)
		return -errno;
	stop_signals.descriptor = descriptor;
	return 0;
}

void stop_signals_close(void)
{
	if (stop_signals.descriptor)
		close(stop_signals.descriptor);
	stop_signals.descriptor = 0;
}

int stop_signals_descriptor(void)
{
	return stop_signals.descriptor ? stop_signals.descriptor : -1;
}

unsigned int stop_signals_note(void)
{
	struct signalfd_siginfo signal;

	while (stop_signals.descriptor &&
	       read(stop_signals.descriptor, &signal, sizeof(signal)) == sizeof(signal))
		stop_signals.asked++;
	return stop_signals.asked;
}

bool stop_signals_asked(void)
{
	return stop_signals_note() > 0;
}
