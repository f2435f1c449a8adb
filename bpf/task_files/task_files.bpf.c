// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * iter/task_file (5.8): run by the kernel for each descriptor of each task in the pid namespace of
 * who reads the iterator, in the order of their numbers. Tells of TCP sockets, of each once for a
 * process: threads share descriptors with the first of them.
 */
#include "kernel.bpf.h"
#include "lister.bpf.h"
#include "task_file.h"

#define SOCKFS_MAGIC 0x534F434B /* include/uapi/linux/magic.h */

/* A process whose first thread has ended, in one reading. */
struct headless {
	__u64 session;
	__u64 leader;
};

/* Key: such a process; value: the number of the thread that stands for it. Writer and reader: here.
 * Deleter: none. Bound: the one not asked for the longest goes, and what other threads share is
 * told of twice. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct headless);
	__type(value, __u32);
} headless SEC(".maps");

__u32 lister;

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The first thread, or one that has descriptors where the first has ended. A thread with a table of
 * its own, unshare(2), is not asked. */
static __always_inline bool stands_for_process(const struct bpf_iter_meta *meta,
					       const struct task_struct *task)
{
	const struct task_struct *leader = task->group_leader;
	struct headless key;
	__u32 number, *first;

	if (task == leader)
		return true;
	if (leader->files)
		return false;
	key = (struct headless){meta->session_id, (__u64)leader};
	number = task->pid;
	first = bpf_map_lookup_elem(&headless, &key);
	if (first)
		return *first == number;
	bpf_map_update_elem(&headless, &key, &number, BPF_ANY);
	return true;
}

/* NULL: it is no socket. A descriptor that only names one, O_PATH, has no private data. */
static __always_inline const struct sock *socket_of(const struct file *file)
{
	const struct socket *socket = file->private_data;

	if (file->f_inode->i_sb->s_magic != SOCKFS_MAGIC)
		return NULL;
	return BPF_CORE_READ(socket, sk);
}

static __always_inline void fill_process(struct task_file *found, const struct task_struct *leader)
{
	const struct task_struct *reader = (const void *)bpf_get_current_task();
	const struct pid *pid = leader->thread_pid;
	unsigned int level = BPF_CORE_READ(reader, thread_pid, level);

	found->pid = BPF_CORE_READ(pid, numbers[level].nr);
	found->foreign = BPF_CORE_READ(pid, level) > level;
	bpf_probe_read_kernel(found->comm, sizeof(found->comm), leader->comm);
	found->comm[sizeof(found->comm) - 1] = '\0';
}

SEC("iter/task_file")
int task_files(struct bpf_iter__task_file *iterator)
{
	struct task_struct *task = iterator->task;
	struct file *file = iterator->file;
	struct task_file found = {};
	__u16 protocol;

	if (!task || !file || !stands_for_process(iterator->meta, task))
		return 0;
	/* A subflow of MPTCP has the inode of the whole. */
	protocol = kernel_inet_protocol(socket_of(file));
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP)
		return 0;
	lister = bpf_get_current_pid_tgid() >> 32;
	found.inode = file->f_inode->i_ino;
	found.descriptor = iterator->fd;
	fill_process(&found, task->group_leader);
	bpf_seq_write(iterator->meta->seq, &found, sizeof(found));
	return 0;
}
