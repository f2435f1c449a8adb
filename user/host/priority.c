// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "host/priority.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "host/log.h"

#define RAISED (-5)

void priority_raise(void)
{
	errno = 0;
	if (getpriority(PRIO_PROCESS, 0) || errno)
		return;
	if (setpriority(PRIO_PROCESS, 0, RAISED))
		log_debug("the priority stays what it is: %s", strerror(errno));
}
