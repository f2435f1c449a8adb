// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "refusal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#include "host/log.h"
#include "kernel/optional_programs.h"

/* Of the program that was refused; FEATURES: nothing goes without that. */
static enum feature bearable(const struct features *features)
{
	enum feature feature = optional_programs_feature(log_libbpf_program());

	return feature < FEATURES && features->has[feature] ? feature : FEATURES;
}

bool refusal_bear(struct features *features)
{
	enum feature feature = bearable(features);
	char reason[96];

	if (feature == FEATURES)
		return false;
	snprintf(reason, sizeof(reason), "the kernel refused the program %s", log_libbpf_program());
	features_lose(features, feature, reason);
	log_warning("going without %s (%s): %s (%s)", feature_name(feature),
		    feature_meaning(feature), reason, log_libbpf_cause());
	log_libbpf_forget();
	return true;
}

/* Before Linux 5.11 what BPF takes counts as locked memory: without CAP_SYS_RESOURCE the limit is
 * too small for the buffer, which the kernel then says by EPERM. */
static const char *advice(int error)
{
	struct rlimit limit;

	if (error == -EPERM && getrlimit(RLIMIT_MEMLOCK, &limit) == 0 &&
	    limit.rlim_cur != RLIM_INFINITY)
		return "before Linux 5.11 BPF takes locked memory: allow it (ulimit -l unlimited, "
		       "LimitMEMLOCK=infinity) or give CAP_SYS_RESOURCE";
	return "try -v for the kernel's own words";
}

void refusal_tell(const struct features *features, int error, const char *aim, const char *doing,
		  struct buffer *why)
{
	const char *cause = log_libbpf_cause();

	if (error && bearable(features) == FEATURES)
		log_error("cannot %s: %.*s%s%s%s; %s", aim, (int)why->length,
			  why->data ? why->data : "", *cause ? " (" : "", cause, *cause ? ")" : "",
			  advice(error));
	else if (!error && why->length)
		log_warning("%s without a part: %.*s", doing, (int)why->length, why->data);
	buffer_done(why);
}
