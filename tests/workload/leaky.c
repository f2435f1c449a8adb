// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A server that forgets connections. `leaky NAME ADDRESS MODE [jit]` calls itself NAME and prints
 *   port PORT             where it listens
 *   jit ADDRESS SIZE      of the code, made at run time, that serve() is called by (with `jit`)
 *   accepted PID FD PORT  whose descriptor; the client's port
 *   leaked PID FD PORT    the client's FIN is there, and was answered as MODE says:
 * read (up to the end of file), unread (nothing is read), close (read, then closed), noaccept,
 * pass (sent over a Unix socket to a child, which reads), inherit (a child of its own reads),
 * flight (sent over a Unix socket that nobody receives from).
 * Lines on stdin: `connect PORT` (to ADDRESS, then as if accepted), `close N` (the first N that
 * leaked; says `closed N`), `fork` (a child gets all as well; says `forked PID`), `exit`, which the
 * end of file means, too. Children end with their parent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT 2048 /* connections */
/* A function that stacks are to name: it stays one, and calls in it are calls. */
#define NAMED __attribute__((noinline, noclone, noipa))

enum mode {
	READ,
	UNREAD,
	CLOSE,
	NOACCEPT,
	PASS,
	INHERIT,
	FLIGHT,
	MODES,
};

static const char *const names[MODES] = {
	[READ] = "read", [UNREAD] = "unread",   [CLOSE] = "close",   [NOACCEPT] = "noaccept",
	[PASS] = "pass", [INHERIT] = "inherit", [FLIGHT] = "flight",
};

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

enum watched {
	COMMANDS,
	SOURCE, /* of connections: a listener, or a Unix socket */
	CLIENTS,
};

struct server {
	enum mode mode;
	union address address;
	socklen_t length;
	bool receives;                    /* connections come over a Unix socket */
	int outlet;                       /* where PASS and FLIGHT send them */
	struct pollfd watched[LIMIT + 2]; /* of one that leaked: ~fd, which poll() skips */
	nfds_t count;
};

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "leaky: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void tell(const char *what, int client)
{
	union address peer = {0};
	socklen_t length = sizeof(peer);

	check(!getpeername(client, &peer.any, &length), "getpeername");
	printf("%s %d %d %u\n", what, getpid(), client, ntohs(peer.ipv4.sin_port));
}

static pid_t fork_child(void)
{
	pid_t pid = fork();

	check(pid >= 0, "fork");
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

static void send_client(int outlet, int client)
{
	union control control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
					    .cmsg_level = SOL_SOCKET,
					    .cmsg_type = SCM_RIGHTS}};
	char byte = 0;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.header), &client, sizeof(client));
	check(sendmsg(outlet, &message, 0) == 1, "sendmsg");
}

static int receive_client(int source)
{
	union control control;
	char byte;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t length = recvmsg(source, &message, MSG_CMSG_CLOEXEC);
	int client;

	check(length >= 0, "recvmsg");
	if (!length)
		exit(0); /* as the parent did */
	memcpy(&client, CMSG_DATA(&control.header), sizeof(client));
	return client;
}

NAMED static int accept_client(int listener)
{
	int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC); /* the accept of a stack */

	check(client >= 0, "accept");
	return client;
}

NAMED static int connect_out(const union address *address, socklen_t length)
{
	int client = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = connect(client, &address->any, length); /* the connect of a stack */

	check(!error, "connect");
	return client;
}

/* True at the end of file. */
NAMED static bool read_client(int client)
{
	static char data[65536];
	ssize_t length = recv(client, data, sizeof(data), MSG_DONTWAIT); /* the read of a stack */

	check(length >= 0 || errno == EAGAIN || errno == ECONNRESET, "recv");
	return length == 0;
}

static void keep(struct server *server, int client)
{
	bool reads = server->mode != UNREAD;

	check(server->count < LIMIT + 2, "more connections than there is room for");
	server->watched[server->count++] = (struct pollfd){
		.fd = client,
		.events = (short)(reads ? POLLIN : POLLRDHUP),
	};
	tell("accepted", client);
}

/* What the mode does with a new connection. */
static void take(struct server *server, int client)
{
	switch (server->mode) {
	case PASS:
	case FLIGHT:
		if (server->mode == FLIGHT)
			tell("accepted", client);
		send_client(server->outlet, client);
		close(client);
		break;
	case INHERIT:
		if (!fork_child()) {
			server->watched[COMMANDS].fd = -1;
			server->watched[SOURCE].fd = -1;
			keep(server, client);
			return;
		}
		close(client);
		break;
	default:
		keep(server, client);
		break;
	}
}

static void look_at(struct server *server, struct pollfd *client)
{
	if (server->mode != UNREAD && !read_client(client->fd))
		return;
	tell("leaked", client->fd);
	if (server->mode == CLOSE) {
		close(client->fd);
		*client = server->watched[--server->count];
	} else {
		client->fd = ~client->fd;
	}
}

static int close_leaked(struct server *server, int wanted)
{
	nfds_t kept = CLIENTS;
	int closed = 0;

	for (nfds_t i = CLIENTS; i < server->count; i++) {
		int client = server->watched[i].fd;

		if (client < 0 && closed < wanted) {
			close(~client);
			closed++;
		} else {
			server->watched[kept++] = server->watched[i];
		}
	}
	server->count = kept;
	return closed;
}

static void obey(struct server *server)
{
	char line[64];
	unsigned int number;
	pid_t child;

	if (!fgets(line, sizeof(line), stdin) || !strcmp(line, "exit\n"))
		exit(0);
	if (sscanf(line, "connect %u", &number) == 1) {
		union address address = server->address;

		address.ipv4.sin_port = htons((uint16_t)number);
		keep(server, connect_out(&address, server->length));
	} else if (sscanf(line, "close %u", &number) == 1) {
		printf("closed %d\n", close_leaked(server, (int)number));
	} else if (!strcmp(line, "fork\n")) {
		child = fork_child();
		while (!child)
			pause();
		printf("forked %d\n", child);
	}
}

NAMED static void serve(struct server *server)
{
	while (poll(server->watched, server->count, -1) > 0) {
		if (server->watched[COMMANDS].revents)
			obey(server);
		for (nfds_t i = server->count; i-- > CLIENTS;)
			if (server->watched[i].fd >= 0 && server->watched[i].revents)
				look_at(server, &server->watched[i]);
		if (server->watched[SOURCE].revents) {
			int source = server->watched[SOURCE].fd;

			take(server,
			     server->receives ? receive_client(source) : accept_client(source));
		}
	}
}

/* The child of PASS. */
static void start_receiver(struct server *server)
{
	int ends[2];

	check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
	server->outlet = ends[0];
	if (server->mode == FLIGHT || fork_child())
		return;
	close(server->watched[SOURCE].fd);
	close(ends[0]);
	server->mode = READ;
	server->receives = true;
	server->watched[SOURCE].fd = ends[1];
	server->watched[COMMANDS].fd = -1;
	serve(server);
	exit(0);
}

static void listen_on(struct server *server, const char *text)
{
	union address *address = &server->address;
	int listener;

	if (inet_pton(AF_INET6, text, &address->ipv6.sin6_addr) == 1) {
		address->any.sa_family = AF_INET6;
		server->length = sizeof(address->ipv6);
	} else {
		check(inet_pton(AF_INET, text, &address->ipv4.sin_addr) == 1, text);
		address->any.sa_family = AF_INET;
		server->length = sizeof(address->ipv4);
	}
	listener = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(!bind(listener, &address->any, server->length) && !listen(listener, LIMIT), text);
	check(!getsockname(listener, &address->any, &server->length), "getsockname");
	if (server->mode != NOACCEPT)
		server->watched[SOURCE].fd = listener;
	printf("port %u\n", ntohs(address->ipv4.sin_port));
}

/* Code that no file knows, with a frame pointer: calls its first argument with its second. */
static const unsigned char trampoline[] = {
#if defined(__x86_64__)
	0x55,             /* push %rbp */
	0x48, 0x89, 0xe5, /* mov %rsp,%rbp */
	0x48, 0x89, 0xf8, /* mov %rdi,%rax */
	0x48, 0x89, 0xf7, /* mov %rsi,%rdi */
	0xff, 0xd0,       /* call *%rax */
	0x5d,             /* pop %rbp */
	0xc3,             /* ret */
#elif defined(__aarch64__)
	0xfd, 0x7b, 0xbf, 0xa9, /* stp x29, x30, [sp, #-16]! */
	0xfd, 0x03, 0x00, 0x91, /* mov x29, sp */
	0xe9, 0x03, 0x00, 0xaa, /* mov x9, x0 */
	0xe0, 0x03, 0x01, 0xaa, /* mov x0, x1 */
	0x20, 0x01, 0x3f, 0xd6, /* blr x9 */
	0xfd, 0x7b, 0xc1, 0xa8, /* ldp x29, x30, [sp], #16 */
	0xc0, 0x03, 0x5f, 0xd6, /* ret */
#endif
};

static void serve_by_made_code(struct server *server)
{
	void (*call)(void (*function)(struct server *), struct server *);
	void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	errno = ENOSYS;
	check(code != MAP_FAILED && sizeof(trampoline) > 1, "no code is known for this machine");
	memcpy(code, trampoline, sizeof(trampoline));
	__builtin___clear_cache(code, (char *)code + sizeof(trampoline));
	memcpy(&call, &code, sizeof(call));
	printf("jit %lx %zx\n", (unsigned long)code, sizeof(trampoline));
	call(serve, server);
}

int main(int count, char **words)
{
	static struct server server = {
		.watched = {[COMMANDS] = {.fd = STDIN_FILENO, .events = POLLIN},
			    [SOURCE] = {.fd = -1, .events = POLLIN}},
		.count = CLIENTS,
	};

	setvbuf(stdin, NULL, _IONBF, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGCHLD, SIG_IGN);
	check(count >= 4, "NAME ADDRESS MODE [jit]");
	prctl(PR_SET_NAME, words[1]);
	while (server.mode < MODES && strcmp(names[server.mode], words[3]))
		server.mode++;
	check(server.mode < MODES, words[3]);
	listen_on(&server, words[2]);
	if (server.mode == PASS || server.mode == FLIGHT)
		start_receiver(&server);
	if (count > 4)
		serve_by_made_code(&server);
	else
		serve(&server);
	return 1;
}
