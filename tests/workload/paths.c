// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Connects that are refused, each by another way through its code: `paths COUNT`, at most 2^16 of
 * them. Prints how many ways there were. `paths COUNT wild`: all by the same way, but with numbers
 * and pointers to data where frame pointers would lead.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
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

#ifdef __x86_64__
/* What a program without frame pointers may have in that register: something on the stack. */
static int connect_wildly(unsigned long data)
{
	struct sockaddr_in nowhere = {.sin_family = AF_INET, .sin_port = htons(1)};
	unsigned long frame[2] = {data, data}, *fp = frame;
	long client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), result = SYS_connect;

	nowhere.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	__asm__ volatile("xchg %%rbp, %1\n\tsyscall\n\txchg %%rbp, %1"
			 : "+a"(result), "+b"(fp)
			 : "D"(client), "S"(&nowhere), "d"(sizeof(nowhere))
			 : "rcx", "r11", "memory");
	close((int)client);
	return result < 0;
}
#else
static int connect_wildly(unsigned long data)
{
	exit(77); /* not written for this architecture */
}
#endif

/* A number, a pointer to the heap, to the stack, a hash: each time another one. */
static int run_wild(unsigned int count)
{
	char *heap = malloc(1 << 20);
	unsigned long on_stack[64];
	int done = 0;

	for (unsigned int i = 0; i < count; i++) {
		const unsigned long data[] = {i, (unsigned long)(heap + i),
					      (unsigned long)&on_stack[i % 64],
					      (i + 1) * 0x9e3779b97f4a7c15ul | 1ul << 63};

		done += connect_wildly(data[i % 4]);
	}
	free(heap);
	return done;
}

int main(int count, char **words)
{
	bool wild = count == 3 && !strcmp(words[2], "wild");
	unsigned int ways = count == 2 || wild ? (unsigned int)strtoul(words[1], NULL, 10) : 0;
	int done = 0;

	if (!ways || ways > 1u << DEPTH) {
		fprintf(stderr, "usage: paths COUNT [wild]\n");
		return 2;
	}
	for (unsigned int way = 0; way < ways && !wild; way++)
		done += step(way, DEPTH);
	if (wild)
		done = run_wild(ways);
	printf("%d\n", done);
	return 0;
}
