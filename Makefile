# tcpclose-trace: build, demo, tests. `make help` lists what one can ask for.

BUILD ?= build
PREFIX ?= /usr/local
VERSION := 0.1.0

CC ?= gcc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla $(if $(CI),-Werror)
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu17 $(CFLAGS) $(WARN) $(EXTRA_CFLAGS) -Iuser -Ibpf -I$(BUILD) -MMD -MP \
	-D_GNU_SOURCE -DVERSION='"$(VERSION)"'
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter \
	$(if $(CI),-Werror) -Ivmlinux -Ibpf -MMD -MP
LIBS := -lbpf -lmnl -lelf -lz

BUILD_PACKAGES := make gcc libc6-dev linux-libc-dev clang llvm bpftool libbpf-dev libelf-dev \
	zlib1g-dev libmnl-dev
DEMO_PACKAGES := iproute2 nginx-light redis-server redis-tools curl python3
TEST_PACKAGES := $(DEMO_PACKAGES) libcmocka-dev clang-format nftables tshark wrk

pure_sources := $(wildcard user/base/*.c user/core/*.c)
program_sources := $(wildcard user/*.c user/host/*.c user/kernel/*.c user/owner/*.c user/output/*.c)
witnesses := socket packet

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
witness_objects = $(patsubst %.c,$(BUILD)/%.o,bpf/ring.bpf.c $(sort $(wildcard bpf/$(1)/*.bpf.c)))
skeletons := $(witnesses:%=$(BUILD)/%.skel.h)

.PHONY: all
all: $(BUILD)/tcpclose-trace ## build the program

$(BUILD)/tcpclose-trace: $(call objects,$(program_sources)) $(BUILD)/libcore.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# The pure core: the unit tests and fuzzers link it without libbpf.
$(BUILD)/libcore.a: $(call objects,$(pure_sources))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/user/core/%.o: ALL_CFLAGS += -Wconversion

$(BUILD)/user/%.o: user/%.c | tools
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -c -o $@ $<

$(call objects,$(wildcard user/kernel/*.c)): | $(skeletons)

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c | tools
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -c -o $@ $<

define witness_rules
$(BUILD)/$(1).linked.o: $(call witness_objects,$(1))
	$$(call say,BPFLINK,$$@)
	$$(Q)$$(BPFTOOL) gen object $$@ $$^

$(BUILD)/$(1).skel.h: $(BUILD)/$(1).linked.o
	$$(call say,SKEL,$$@)
	$$(Q)$$(BPFTOOL) gen skeleton $$< name $(1) > $$@.new && mv $$@.new $$@
endef
$(foreach witness,$(witnesses),$(eval $(call witness_rules,$(witness))))

.PHONY: tools
tools:
	@for tool in $(CC) $(CLANG) $(BPFTOOL); do command -v $$tool >/dev/null || { \
	echo "cannot build: $$tool is missing; run 'sudo make deps' (Debian)" >&2; exit 1; }; done

.PHONY: deps
deps: ## install what building, the demo and the tests need (Debian, as root)
	$(call install_packages,$(BUILD_PACKAGES) $(TEST_PACKAGES))

# Only what is missing, so that a machine that has everything needs no network.
define install_packages
	@missing=; for package in $(1); do \
	dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed \
	|| missing="$$missing $$package"; done; \
	[ -z "$$missing" ] || { echo "installing:$$missing"; export DEBIAN_FRONTEND=noninteractive; \
	apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing >/dev/null; }
endef

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BUILD)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
