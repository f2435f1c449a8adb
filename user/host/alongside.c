// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "host/alongside.h"

void alongside_begin(struct alongside *alongside, void *(*work)(void *context), void *context)
{
	alongside->runs = !pthread_create(&alongside->thread, NULL, work, context);
	if (!alongside->runs)
		work(context);
}

void alongside_end(struct alongside *alongside)
{
	if (alongside->runs)
		pthread_join(alongside->thread, NULL);
	alongside->runs = false;
}
