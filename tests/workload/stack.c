// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Waits in accept(), called in a known way: main, serve, handle, take_connection. Built in many
 * ways (see the Makefile). `stack WAY`: plainly; in a "thread"; "deep" below many frames; through
 * code made at run time ("jit"), or a shared library ("library", where that is linked). Says
 * "ready" before it waits, and ends with its standard input.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(AS_LIBRARY)

int through_library(int (*function)(void));

int through_library(int (*function)(void))
{
	int result = function();

	__asm__ volatile("" ::: "memory");
	return result;
}

#else

#ifndef KIND /* of function */
#define KIND __attribute__((noipa))
#endif
#define DEPTH 64
#define AFTER __asm__ volatile("" ::: "memory") /* so that no call is the last thing done */

static int listener;

static KIND int take_connection(void)
{
	int connection = accept(listener, NULL, NULL); /* line of accept */

	AFTER;
	return connection;
}

static KIND int handle(void)
{
	int connection = take_connection(); /* line of take_connection */

	AFTER;
	return connection;
}

static __attribute__((noipa)) int serve(void)
{
	int connection = handle(); /* line of handle */

	AFTER;
	return connection;
}

static __attribute__((noipa)) int deeper(int left)
{
	volatile char room[64];
	int result;

	memset((char *)room, left, sizeof(room));
	result = left ? deeper(left - 1) : serve();
	AFTER;
	return result + room[0] - left;
}

static void *thread(void *unused)
{
	(void)unused;
	serve();
	AFTER;
	return NULL;
}

/* A function with a frame pointer that calls its argument. */
static int through_jit(int (*function)(void))
{
#if defined(__x86_64__)
	static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
#elif defined(__aarch64__)
	static const unsigned int code[] = {0xa9bf7bfd, 0x910003fd, 0xd63f0000, 0xa8c17bfd,
					    0xd65f03c0};
#endif
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int result;

	if (page == MAP_FAILED)
		return -1;
	memcpy(page, code, sizeof(code));
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
	__builtin___clear_cache((char *)page, (char *)page + sizeof(code));
	result = ((int (*)(int (*)(void)))page)(function);
	AFTER;
	return result;
}

#ifdef LIBRARY
int through_library(int (*function)(void));
#else
static __attribute__((noipa)) int through_library(int (*function)(void))
{
	int result = function();

	AFTER;
	return result;
}
#endif

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const char *way = argc > 1 ? argv[1] : "";
	int result = 0;
	pthread_t started;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1))
		return 1;
	if (write(STDOUT_FILENO, "ready", 5) != 5)
		return 1;
	if (strcmp(way, "thread") == 0 && pthread_create(&started, NULL, thread, NULL) == 0)
		pthread_join(started, NULL);
	else if (strcmp(way, "deep") == 0)
		result = deeper(DEPTH);
	else if (strcmp(way, "jit") == 0)
		result = through_jit(serve);
	else if (strcmp(way, "library") == 0)
		result = through_library(serve);
	else
		result = serve();
	AFTER;
	return result < 0;
}

#endif
