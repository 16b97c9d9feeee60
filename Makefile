# mmreplay. `make help` lists the goals. This file must parse on a bare system
# (no compiler, no pkg-config), so whatever asks the system is expanded lazily.

VERSION := 0.1.0
# Which commit and its day, for --version and the manual; an archive carries both.
COMMIT = $(eval COMMIT := $$(shell cat .commit 2>/dev/null || { git describe --always --dirty \
	--abbrev=12 && git log -1 --format=%cs; } 2>/dev/null))$(COMMIT)
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
# what runs a program of another machine (the manual is what it says): qemu-aarch64 -L /
RUN     ?=
ifeq ($(origin CC),default)
CC := gcc
endif
# one word of a shell, whatever is in it
quote = '$(subst ','\'',$1)'
ifneq ($(words $(BUILD))$(strip $(foreach c,: % & ; * ? ' " $$,$(findstring $c,$(BUILD)))),1)
$(error BUILD=$(BUILD): expected a folder without blanks and : % & ; * ? ' " $$ in its path, which make \
	cannot have in the name of a goal; a relative one will do where they are in the path of the tree)
endif

WARN  := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
# the prefix map: same bytes wherever the tree and BUILD lie
STD   := -std=gnu17 -D_GNU_SOURCE -ffp-contract=off -ffile-prefix-map=$(call quote,$(CURDIR))=. \
	 -ffile-prefix-map=$(BUILD)=build \
	 -I. -I$(BUILD) $(WARN)
REL   := -O2 -g
# lines and functions, no variables: a seventh less to compile
SAN   := -O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
	 -DMMREPLAY_TEST

# Asked once, when a recipe first needs the answer.
LIBS := yaml-0.1 libzstd zlib jansson
OPT   = $(eval OPT := $$(shell for p in libtracefs libtracecmd; do \
	pkg-config --exists $$$$p 2>/dev/null && echo $$$$p; done))$(OPT)
PKG_C = $(eval PKG_C := $$(shell pkg-config --cflags $(LIBS) $(OPT) 2>/dev/null))$(PKG_C)
PKG_L = $(eval PKG_L := $$(shell pkg-config --libs $(LIBS) $(OPT) 2>/dev/null))$(PKG_L)
HAVE  = $(if $(filter libtracefs,$(OPT)),-DHAVE_TRACEFS) $(if $(filter libtracecmd,$(OPT)),-DHAVE_TRACECMD)
FLAGS = $(STD) $(HAVE) $(PKG_C)
MINE  = $(CPPFLAGS) $(CFLAGS)
LINK  = -rdynamic $(PKG_L) -lm -ldl -lpthread
# links the test programs in half the time, where it is installed
GOLD  = $(eval GOLD := $$(if $$(shell command -v ld.gold 2>/dev/null),-fuse-ld=gold))$(GOLD)

DIRS    := $(wildcard sim traces analysis)
SRC     := $(sort $(shell find $(DIRS) -name '*.c' ! -path '*/tests/*' ! -path '*/samples/*'))
TSRC    := $(sort $(shell find $(DIRS) -path '*/tests/*.c' ! -path '*/tests/bench/*'))
TESTS   := $(patsubst %.c,$(BUILD)/test/%,$(foreach s,$(TSRC),$(if $(filter t_%,$(notdir $s)),$s)))
SCRIPTS := $(sort $(shell find $(DIRS) -path '*/tests/t_*.sh'))
LONG    := $(filter-out %_lib.sh,$(sort $(shell find $(DIRS) -path '*/tests/long_*.sh')))
BENCH   := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard sim/tests/bench/*.c))
OBJ     := $(SRC:%.c=$(BUILD)/obj/%.o)
TOBJ    := $(SRC:%.c=$(BUILD)/test/%.o) $(TSRC:%.c=$(BUILD)/test/%.o)
TARCH   := $(BUILD)/test/libmmreplay.a
PICK     = $(if $(T),$(foreach t,$1,$(if $(findstring $(T),$t),$t)),$1)
# scripts take longest, so they begin: what ends last is short
ALL_T   := $(call PICK,$(SCRIPTS) $(TESTS))
J        = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
NEED     = $(filter $(BUILD)/%,$(ALL_T)) $(if $(filter %.sh,$(ALL_T)),all $(BUILD)/test/mmreplay $(BUILD)/bench/bench)
SUB      = +@$(MAKE) --no-print-directory $(J)
Q       := $(if $(V),,@)

all: $(BUILD)/mmreplay		## build build/mmreplay (CC=clang, BUILD=dir, V=1)

deps deps-long:			## install what is missing, and what only check-long needs
	@CC='$(CC)' sim/tests/deps.sh $(@:deps%=%)

demo: deps			## build, then policies side by side on a real capture
	$(SUB) all
	$(BUILD)/mmreplay run scenarios/demo.yaml -o $(BUILD)/demo --events 0..10ms
	$(BUILD)/mmreplay plot $(BUILD)/demo
	$(BUILD)/mmreplay report $(BUILD)/demo
	$(BUILD)/mmreplay timeline $(BUILD)/demo -o $(BUILD)/demo/timeline.json

test: deps			## all tests under sanitizers; T=word picks by name
	$(SUB) $(NEED)
	@BUILD=$(BUILD) sim/tests/run.sh $(ALL_T)

check-long: deps		## those with more cases, fuzzers, valgrind, other builds, arm64; hours
	$(SUB) $(NEED) all $(BUILD)/test/mmreplay
	@BUILD=$(BUILD) MMREPLAY_LONG=1 sim/tests/run.sh $(ALL_T) $(call PICK,$(LONG))

fuzz:				## every reader for FUZZ_SECONDS each; T=word picks
	@BUILD=$(BUILD) T='$(T)' sim/tests/fuzz.sh

lint:				## include direction, sizes, words, number types; formatting (advisory)
	@sim/tests/lint.sh

# what a run of a few rows leaves is no table: it has a file of its own
bench bench-compare: TABLE = $(BUILD)/bench$(if $(T),-$(T)).json
bench: deps			## speed and memory beside the targets; FULL=1 for all; T=word: to bench-T.json
	$(SUB) all $(BUILD)/bench/bench
	@$(BUILD)/bench/bench $(if $(FULL),--full) $(if $(T),--only '$(T)') --dir $(BUILD)/bench \
		--program $(BUILD)/mmreplay -o '$(TABLE)'

bench-compare:			## BASE=file: what is slower now than in that bench.json; FULL, T
	@[ -r '$(BASE)' ] || { echo 'bench-compare: BASE=$(BASE): expected BASE=file, the bench.json' \
		'of an earlier make bench' >&2; exit 2; }
	@mkdir -p $(BUILD)/bench; cp '$(BASE)' $(BUILD)/bench/base.json
	+@$(MAKE) --no-print-directory bench
	@$(BUILD)/bench/bench $(if $(T),--only '$(T)') --compare $(BUILD)/bench/base.json '$(TABLE)'

validation: all			## analysis/VALIDATION.md: published results, real captures
	analysis/validation.sh $(BUILD)/mmreplay $(BUILD)/validation >$(BUILD)/VALIDATION.md
	mv $(BUILD)/VALIDATION.md analysis/VALIDATION.md

INSTALL  = BUILD='$(BUILD)' PREFIX=$(call quote,$(PREFIX)) DESTDIR=$(call quote,$(DESTDIR)) \
	   RUN=$(call quote,$(RUN)) VERSION='$(VERSION)' DAY='$(word 2,$(COMMIT))' sim/tests/install.sh
install: all			## program, data, manual, completion, plug-in headers; PREFIX, DESTDIR
	@$(INSTALL)
uninstall:			## what install put there; same PREFIX and DESTDIR
	@$(INSTALL) --remove

DIST = mmreplay-$(VERSION)
dist:				## BUILD/mmreplay-VERSION.tar.gz of what is committed
	@git rev-parse --verify -q HEAD >/dev/null || \
		{ echo 'dist: packs what git has committed; this is no checkout' >&2; exit 1; }
	@git diff --quiet HEAD || echo 'dist: changes that are not committed stay out' >&2
	@mkdir -p $(BUILD)
	git archive --prefix=$(DIST)/ --add-virtual-file="$(DIST)/.commit:$$(git describe --always \
		--abbrev=12) $$(git log -1 --format=%cs)" -o $(BUILD)/$(DIST).tar HEAD
	gzip -9nf $(BUILD)/$(DIST).tar

clean:				## remove build/
	rm -rf $(BUILD)

help:				## this list
	@sed -n 's/^\([a-z][-a-z ]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | expand -t 36

$(BUILD)/mmreplay: $(OBJ)
$(BUILD)/bench/bench: $(BENCH) $(foreach d,sim/base sim/engine traces/format traces/trace,\
	$(filter $(BUILD)/obj/$d%,$(OBJ)))
$(BUILD)/mmreplay $(BUILD)/bench/bench:
	@mkdir -p $(@D); echo '  LINK  $@'
	$(Q)$(CC) $(REL) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LINK)

$(TARCH): $(filter-out $(BUILD)/test/sim/main.o $(TESTS:=.o),$(TOBJ))
	@echo '  AR    $@'
	$(Q)rm -f $@ && ar qcs $@ $^

$(BUILD)/test/mmreplay: $(BUILD)/test/sim/main.o
$(TESTS): %: %.o
$(TESTS) $(BUILD)/test/mmreplay: $(TARCH)
	$(info $()  LINK  $@)
	$(Q)$(CC) $(CFLAGS) $(SAN) $(GOLD) $(LDFLAGS) -o $@ $(filter %.o,$^) $(TARCH) $(if $(filter $@,$(TESTS)),-lcmocka) $(LINK)

# No shell for an object, its folder is there: a fifteenth of what building takes.
$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	$(info $()  CC    $<)
	$(Q)$(CC) $(FLAGS) $(REL) $(MINE) -MMD -MP -c -o $@ $<

$(BUILD)/test/%.o: %.c $(BUILD)/flags
	$(info $()  CC/T  $<)
	$(Q)$(CC) $(FLAGS) $(MINE) $(SAN) -MMD -MP -c -o $@ $<

$(BUILD)/obj/sim/results/program.o $(BUILD)/test/sim/results/program.o: $(BUILD)/model_id.h

$(BUILD)/obj/sim/main.o $(BUILD)/test/sim/main.o: $(BUILD)/commit.h

# These files change only when their content does, so nothing is rebuilt in vain.
replace_if_new = cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(BUILD)/flags: FORCE
	@mkdir -p $(sort $(dir $(OBJ) $(TOBJ) $(BENCH))); echo $(call quote,$(CC) $(FLAGS) $(REL) $(MINE) / $(SAN) / $(LDFLAGS) $(LINK)) \
		> $@.new; $(replace_if_new)

# What decides a result: part of every cell's id (MODEL_ID in results).
$(BUILD)/model_id.h: FORCE
	@mkdir -p $(@D); id=$$(find sim traces $(wildcard scenarios/machines scenarios/kernels) \
		\( -name '*.[ch]' -o -name '*.def' -o -path 'scenarios/*.yaml' \) ! -path '*/tests/*' | \
		LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-32); \
	printf '#define MMREPLAY_%s "%s"\n' VERSION '$(VERSION)' MODEL_ID "$$id" > $@.new; \
	$(replace_if_new)

# Where git does not answer (another user's checkout) an earlier answer stays.
$(BUILD)/commit.h: FORCE
	@[ -n '$(COMMIT)' ] || [ ! -e $@ ] || exit 0; \
	echo '#define MMREPLAY_COMMIT "$(firstword $(COMMIT))"' > $@.new; $(replace_if_new)

FORCE:
.PHONY: all deps demo test check-long deps-long fuzz lint bench bench-compare validation \
	install uninstall dist clean help FORCE
.SECONDARY: $(OBJ) $(TOBJ) $(BENCH)
.DELETE_ON_ERROR:

-include $(OBJ:.o=.d) $(TOBJ:.o=.d) $(BENCH:.o=.d)
