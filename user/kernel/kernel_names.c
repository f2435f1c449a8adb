// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/kernel_names.h"

#include <bpf/btf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define REASONS 256 /* 6.18 has 25 */
#define PREFIX "SK_RST_REASON_"

struct kernel_names {
	bool loaded;
	char *reset_reasons[REASONS];
};

struct kernel_names *kernel_names_new(void)
{
	return calloc(1, sizeof(struct kernel_names));
}

void kernel_names_free(struct kernel_names *names)
{
	if (!names)
		return;
	for (int i = 0; i < REASONS; i++)
		free(names->reset_reasons[i]);
	free(names);
}

static void read_reset_reasons(struct kernel_names *names, const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "sk_rst_reason", BTF_KIND_ENUM);
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;

	for (int i = 0; type && i < btf_vlen(type); i++) {
		const struct btf_enum *member = &btf_enum(type)[i];
		const char *name = btf__name_by_offset(btf, member->name_off);

		if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 || strcmp(name, PREFIX "MAX") == 0 ||
		    (uint32_t)member->val >= REASONS || names->reset_reasons[member->val])
			continue;
		names->reset_reasons[member->val] = strdup(name + strlen(PREFIX));
	}
}

static void load(struct kernel_names *names)
{
	struct btf *btf = btf__load_vmlinux_btf();

	names->loaded = true;
	if (btf)
		read_reset_reasons(names, btf);
	btf__free(btf);
}

const char *kernel_names_reset_reason(struct kernel_names *names, uint32_t reason)
{
	if (!names->loaded)
		load(names);
	return reason < REASONS ? names->reset_reasons[reason] : NULL;
}
