// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/packet_probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/clsact.h"
#include "kernel/counters.h"
#include "kernel/reason.h"

#include "packet.skel.h"

/* Of include/uapi/linux/bpf.h, not in the headers of libbpf 1.1. */
#define ATTACH_TCX_INGRESS 46       /* 6.6 */
#define ATTACH_TCX_EGRESS 47        /* 6.6 */
#define MPROG_BEFORE (1u << 3)      /* BPF_F_BEFORE, 6.6 */
#define PROGRAM_XDP_FRAGS (1u << 5) /* BPF_F_XDP_HAS_FRAGS, 5.18 */

/* Each change of a tcx hook waits for a grace period of RCU, 10 to 20 ms, with all of the kernel's
 * interface configuration locked: with hundreds of interfaces a tracer would take half a minute to
 * start. What is beyond gets clsact, which takes no time. */
#define TCX_LINKS_MAX 128

enum role {
	ROLE_IN,
	ROLE_OUT,
	ROLE_XDP,
	ROLES,
};

/* What a packet begins with. */
enum layout {
	LAYOUT_ETHERNET,
	LAYOUT_IP,
	LAYOUTS,
	LAYOUT_UNKNOWN = LAYOUTS,
};

struct packet_probe {
	struct packet *skeleton;
	bool tcx;
	bool xdp;
	unsigned int tcx_links; /* that there are */
	int programs[LAYOUTS][ROLES];
	counters *counts; /* by enum packet_count */
};

enum mechanism {
	MECHANISM_NONE,
	MECHANISM_TCX,
	MECHANISM_CLSACT,
	MECHANISM_XDP_NATIVE,
	MECHANISM_XDP_GENERIC,
};

struct packet_hook {
	enum mechanism mechanism;
	int link;
	struct clsact_filter filter;
};

struct packet_attachment {
	struct packet_probe *probe;
	struct packet_hook in;
	struct packet_hook out;
};

static void collect_programs(struct packet_probe *probe, struct bpf_program *programs[][ROLES])
{
	struct packet *skeleton = probe->skeleton;

	programs[LAYOUT_ETHERNET][ROLE_IN] = skeleton->progs.tcpclose_in;
	programs[LAYOUT_ETHERNET][ROLE_OUT] = skeleton->progs.tcpclose_out;
	programs[LAYOUT_ETHERNET][ROLE_XDP] = skeleton->progs.tcpclose_xdp;
	programs[LAYOUT_IP][ROLE_IN] = skeleton->progs.tcpclose_in_ip;
	programs[LAYOUT_IP][ROLE_OUT] = skeleton->progs.tcpclose_out_ip;
	programs[LAYOUT_IP][ROLE_XDP] = skeleton->progs.tcpclose_xdp_ip;
}

/* Without it an interface with large packets refuses the program; a kernel before 5.18 refuses a
 * program with it. */
static bool kernel_knows_frags(void)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options, .prog_flags = PROGRAM_XDP_FRAGS);
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int program = bpf_prog_load(BPF_PROG_TYPE_XDP, "frags", "GPL", pass, 2, &options);

	if (program < 0)
		return false;
	close(program);
	return true;
}

static void choose_xdp(const struct packet_probe *probe, struct bpf_program *programs[][ROLES])
{
	bool frags = probe->xdp && kernel_knows_frags();

	for (int layout = 0; layout < LAYOUTS; layout++) {
		struct bpf_program *program = programs[layout][ROLE_XDP];

		bpf_program__set_autoload(program, probe->xdp);
		if (frags)
			bpf_program__set_flags(program,
					       bpf_program__flags(program) | PROGRAM_XDP_FRAGS);
	}
}

static int share_maps(struct packet *skeleton, struct shared_maps maps)
{
	int error = bpf_map__reuse_fd(skeleton->maps.ring, maps.ring);

	if (!error)
		error = bpf_map__reuse_fd(skeleton->maps.stages, maps.stages);
	if (!error)
		error = bpf_map__reuse_fd(skeleton->maps.lost, maps.lost);
	if (!error)
		error = bpf_map__reuse_fd(skeleton->maps.wanted_flows, maps.wanted_flows);
	return error;
}

int packet_probe_open(struct packet_probe **result, const struct plan *plan,
		      const struct settings *settings, struct shared_maps maps, struct buffer *why)
{
	struct packet_probe *probe = calloc(1, sizeof(*probe));
	struct bpf_program *programs[LAYOUTS][ROLES];
	int error;

	if (!probe)
		return -ENOMEM;
	probe->tcx = plan->tcx;
	probe->xdp = plan->xdp_ingress;
	probe->skeleton = packet__open();
	if (!probe->skeleton) {
		error = -errno;
		reason_add(why, "the packet programs cannot be read", error);
		goto out;
	}
	memcpy((void *)&probe->skeleton->rodata->settings, settings, sizeof(*settings));
	collect_programs(probe, programs);
	bpf_program__set_autoload(probe->skeleton->progs.stages_send, false);
	choose_xdp(probe, programs);
	error = share_maps(probe->skeleton, maps);
	if (!error)
		error = packet__load(probe->skeleton);
	if (error)
		reason_add(why, "the kernel refused the packet programs", error);
	for (int i = 0; i < LAYOUTS * ROLES && !error; i++)
		probe->programs[i / ROLES][i % ROLES] =
			bpf_program__fd(programs[i / ROLES][i % ROLES]);
	if (error)
		goto out;
	probe->counts =
		counters_open(bpf_map__fd(probe->skeleton->maps.packet_counts), PACKET_COUNTS);
	if (!probe->counts) {
		error = -errno;
		reason_add(why, "the counters of the packet programs cannot be read", error);
	}
out:
	if (error) {
		packet_probe_close(probe);
		return error;
	}
	*result = probe;
	return 0;
}

void packet_probe_close(struct packet_probe *probe)
{
	if (!probe)
		return;
	counters_close(probe->counts, PACKET_COUNTS);
	if (probe->skeleton)
		packet__destroy(probe->skeleton);
	free(probe);
}

void packet_probe_lost(const struct packet_probe *probe, struct loss *loss)
{
	loss->records[LOSS_FORGOTTEN][RECORD_SEGMENT] = probe->counts[PACKET_FIN_FORGOTTEN];
	loss->records[LOSS_UNREADABLE][RECORD_SEGMENT] = probe->counts[PACKET_UNREADABLE];
	loss->passed_over = probe->counts[PACKET_PASSED_OVER];
}

/* PPP's frames have their header only inside the driver; tunnels' packets are seen without what is
 * around them. Whatever else begins otherwise is no IP version and so not ours. */
static enum layout layout_of(uint16_t type)
{
	switch (type) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return LAYOUT_ETHERNET;
	case ARPHRD_NONE:
	case ARPHRD_RAWIP:
	case ARPHRD_PPP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
		return LAYOUT_IP;
	}
	return LAYOUT_UNKNOWN;
}

static int link_hook(struct packet_hook *hook, enum mechanism mechanism, int program,
		     uint32_t interface, int type, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
	int link = bpf_link_create(program, (int)interface, (enum bpf_attach_type)type, &options);

	if (link < 0)
		return link;
	hook->mechanism = mechanism;
	hook->link = link;
	return 0;
}

static int attach_clsact(struct packet_hook *hook, const struct packet_probe *probe,
			 enum layout layout, bool egress, uint32_t interface)
{
	int program = probe->programs[layout][egress ? ROLE_OUT : ROLE_IN];
	/* The kernel empties the map that holds it when its last descriptor is closed. */
	int keeper = bpf_program__fd(probe->skeleton->progs.tc_closely);
	int error = clsact_attach(&hook->filter, interface, egress, program, keeper);

	if (!error)
		hook->mechanism = MECHANISM_CLSACT;
	return error;
}

static int attach_tcx(struct packet_hook *hook, struct packet_probe *probe, enum layout layout,
		      bool egress, uint32_t interface)
{
	int program = probe->programs[layout][egress ? ROLE_OUT : ROLE_IN];
	int type = egress ? ATTACH_TCX_EGRESS : ATTACH_TCX_INGRESS;
	/* In front of those that may end the packet's way. */
	int error = link_hook(hook, MECHANISM_TCX, program, interface, type, MPROG_BEFORE);

	if (!error)
		probe->tcx_links++;
	return error;
}

static int attach_tc(struct packet_hook *hook, struct packet_probe *probe, enum layout layout,
		     bool egress, uint32_t interface)
{
	if (!probe->tcx)
		return attach_clsact(hook, probe, layout, egress, interface);
	if (probe->tcx_links >= TCX_LINKS_MAX &&
	    !attach_clsact(hook, probe, layout, egress, interface))
		return 0;
	return attach_tcx(hook, probe, layout, egress, interface);
}

/* In the driver, else in the stack, unless a program is there already. */
static int attach_xdp(struct packet_hook *hook, const struct packet_probe *probe,
		      enum layout layout, uint32_t interface)
{
	int program = probe->programs[layout][ROLE_XDP];
	int error = link_hook(hook, MECHANISM_XDP_NATIVE, program, interface, BPF_XDP,
			      XDP_FLAGS_DRV_MODE);

	if (!error || error == -EBUSY || error == -EEXIST || error == -ENODEV)
		return error;
	return link_hook(hook, MECHANISM_XDP_GENERIC, program, interface, BPF_XDP,
			 XDP_FLAGS_SKB_MODE);
}

static int attach_in(struct packet_hook *hook, struct packet_probe *probe, enum layout layout,
		     uint32_t interface, struct buffer *why)
{
	int error;

	if (!probe->xdp)
		return attach_tc(hook, probe, layout, false, interface);
	error = attach_xdp(hook, probe, layout, interface);
	if (!error)
		return 0;
	if (error == -EBUSY || error == -EEXIST)
		reason_add(why, "another XDP program is there, so tc is used", 0);
	else
		reason_add(why, "XDP cannot be attached, so tc is used", error);
	return attach_tc(hook, probe, layout, false, interface);
}

int packet_attach(struct packet_attachment **result, struct packet_probe *probe, uint32_t interface,
		  uint16_t type, struct buffer *why)
{
	enum layout layout = layout_of(type);
	struct packet_attachment *attachment;
	int error;

	if (layout == LAYOUT_UNKNOWN) {
		reason_add(why, "its packets begin neither with Ethernet nor with IP, type ", 0);
		buffer_add_unsigned(why, type);
		return -EPROTONOSUPPORT;
	}
	attachment = calloc(1, sizeof(*attachment));
	if (!attachment)
		return -ENOMEM;
	attachment->probe = probe;
	error = attach_in(&attachment->in, probe, layout, interface, why);
	if (!error)
		error = attach_tc(&attachment->out, probe, layout, true, interface);
	if (error) {
		if (error == -EBUSY && !probe->tcx)
			reason_add(why, "an ingress qdisc stands where clsact must", 0);
		else
			reason_add(why, probe->tcx ? "tcx" : "clsact", error);
		packet_detach(attachment);
		return error;
	}
	if (attachment->in.filter.behind_others || attachment->out.filter.behind_others)
		reason_add(why,
			   "a tc filter of someone else comes first, and segments that it "
			   "decides on are not seen",
			   0);
	*result = attachment;
	return 0;
}

static void forget_hook(struct packet_probe *probe, const struct packet_hook *hook)
{
	if (hook->mechanism == MECHANISM_TCX)
		probe->tcx_links--;
	if (hook->mechanism != MECHANISM_CLSACT && hook->mechanism != MECHANISM_NONE)
		close(hook->link);
}

void packet_forget(struct packet_attachment *attachment)
{
	if (!attachment)
		return;
	forget_hook(attachment->probe, &attachment->in);
	forget_hook(attachment->probe, &attachment->out);
	free(attachment);
}

void packet_detach(struct packet_attachment *attachment)
{
	if (!attachment)
		return;
	clsact_detach(&attachment->in.filter);
	clsact_detach(&attachment->out.filter);
	packet_forget(attachment);
}

/* The link of an interface that is gone says 0. tcx has the number where XDP has it. */
static bool hook_is_attached(const struct packet_hook *hook)
{
	struct bpf_link_info info = {};
	uint32_t length = sizeof(info);

	if (hook->mechanism == MECHANISM_CLSACT)
		return clsact_exists(&hook->filter);
	return !bpf_obj_get_info_by_fd(hook->link, &info, &length) && info.xdp.ifindex;
}

bool packet_is_attached(const struct packet_attachment *attachment)
{
	return hook_is_attached(&attachment->in) && hook_is_attached(&attachment->out);
}

bool packet_outlives(const struct packet_attachment *attachment)
{
	return attachment->in.mechanism == MECHANISM_CLSACT ||
	       attachment->out.mechanism == MECHANISM_CLSACT;
}

const char *packet_mechanism(const struct packet_attachment *attachment)
{
	bool tcx = attachment->out.mechanism == MECHANISM_TCX;

	switch (attachment->in.mechanism) {
	case MECHANISM_XDP_NATIVE:
		return tcx ? "XDP (native), tcx out" : "XDP (native), clsact out";
	case MECHANISM_XDP_GENERIC:
		return tcx ? "XDP (generic), tcx out" : "XDP (generic), clsact out";
	default:
		return tcx ? "tcx" : "clsact";
	}
}
