/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A tracer that a workload starts, so that what happens before and after its readiness is the
 * workload's own. For one program each.
 */
#ifndef TCPCLOSE_TESTS_TRACER_H
#define TCPCLOSE_TESTS_TRACER_H

#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(bool right, const char *what)
{
	if (right)
		return;
	perror(what);
	exit(1);
}

struct tracer {
	pid_t pid;
	FILE *output;
};

/* True once the file is there; false if the tracer ended before. */
static bool start_tracer(struct tracer *tracer, char *ready_file, char **words)
{
	int news = inotify_init1(IN_CLOEXEC), output[2];
	struct pollfd wanted[2];

	check(news >= 0 && inotify_add_watch(news, dirname(ready_file), IN_CREATE) >= 0, "inotify");
	check(!pipe2(output, O_CLOEXEC), "pipe");
	tracer->pid = fork();
	check(tracer->pid >= 0, "fork");
	if (!tracer->pid) {
		dup2(output[1], STDOUT_FILENO);
		execvp(words[0], words);
		check(false, words[0]);
	}
	close(output[1]);
	tracer->output = fdopen(output[0], "r");
	wanted[0] = (struct pollfd){.fd = news, .events = POLLIN};
	wanted[1] = (struct pollfd){.fd = output[0]}; /* its end */
	check(tracer->output && poll(wanted, 2, -1) > 0, "poll");
	close(news);
	return wanted[0].revents;
}

/* Passes on what it prints until it has printed so many lines that begin like this, or ended. */
static void pass_on(const struct tracer *tracer, const char *start, int count)
{
	char *line = NULL;
	size_t size = 0;

	while (count && getline(&line, &size, tracer->output) > 0) {
		fputs(line, stdout);
		count -= !strncmp(line, start, strlen(start));
	}
	free(line);
}

/* Passes on the rest, and tells how it ended. */
static void end_tracer(const struct tracer *tracer)
{
	int status;

	pass_on(tracer, "", -1);
	check(waitpid(tracer->pid, &status, 0) == tracer->pid, "waitpid");
	printf("{\"status\":%d}\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

#endif
