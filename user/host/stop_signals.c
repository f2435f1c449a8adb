// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "host/stop_signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

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
	return descriptor < 0 ? -errno : descriptor;
}

bool stop_signals_take(int descriptor)
{
	struct signalfd_siginfo signal;
	bool any = false;

	while (read(descriptor, &signal, sizeof(signal)) == sizeof(signal))
		any = true;
	return any;
}
