// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Connects that are refused, each by another way through its code: `paths COUNT`, at most 2^16 of
 * them. Prints how many ways there were.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEPTH 16
/* It stays a function that calls: frames tell one way from another. */
#define STEP __attribute__((noinline, noclone, noipa, optimize("no-optimize-sibling-calls")))

static int step_left(unsigned int way, int depth);
static int step_right(unsigned int way, int depth);

STEP static int connect_nowhere(void)
{
	struct sockaddr_in nowhere = {.sin_family = AF_INET, .sin_port = htons(1)};
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	nowhere.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (client < 0 || !connect(client, (const struct sockaddr *)&nowhere, sizeof(nowhere)))
		exit(1);
	close(client);
	return 1;
}

static int step(unsigned int way, int depth)
{
	if (!depth)
		return connect_nowhere();
	return way & 1 ? step_left(way >> 1, depth - 1) : step_right(way >> 1, depth - 1);
}

STEP static int step_left(unsigned int way, int depth)
{
	return step(way, depth) + 0 * depth;
}

STEP static int step_right(unsigned int way, int depth)
{
	return step(way, depth) + 0 * depth;
}

int main(int count, char **words)
{
	unsigned int ways = count == 2 ? (unsigned int)strtoul(words[1], NULL, 10) : 0;
	int done = 0;

	if (!ways || ways > 1u << DEPTH) {
		fprintf(stderr, "usage: paths COUNT\n");
		return 2;
	}
	for (unsigned int way = 0; way < ways; way++)
		done += step(way, DEPTH);
	printf("%d\n", done);
	return 0;
}
