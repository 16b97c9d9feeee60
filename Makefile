# mmreplay. `make help` lists the goals. This file must parse on a bare system
# (no compiler, no pkg-config), so whatever asks the system is expanded lazily.

VERSION := 0.1.0
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
ifeq ($(origin CC),default)
CC := gcc
endif

WARN  := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
BASE  := -std=gnu17 -D_GNU_SOURCE -ffp-contract=off -I. -I$(BUILD) $(WARN)
REL   := -O2 -g
SAN   := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
	 -DMMREPLAY_TEST

# Asked once, when a recipe first needs the answer.
LIBS := yaml-0.1 libzstd zlib jansson
OPT   = $(eval OPT := $$(shell for p in libtracefs libtracecmd; do \
	pkg-config --exists $$$$p 2>/dev/null && echo $$$$p; done))$(OPT)
PKG_C = $(eval PKG_C := $$(shell pkg-config --cflags $(LIBS) $(OPT) 2>/dev/null))$(PKG_C)
PKG_L = $(eval PKG_L := $$(shell pkg-config --libs $(LIBS) $(OPT) 2>/dev/null))$(PKG_L)
HAVE  = $(if $(filter libtracefs,$(OPT)),-DHAVE_TRACEFS) $(if $(filter libtracecmd,$(OPT)),-DHAVE_TRACECMD)
FLAGS = $(BASE) $(HAVE) $(PKG_C) $(CFLAGS)
LINK  = $(LDFLAGS) -rdynamic $(PKG_L) -lm -ldl -lpthread

DIRS    := $(wildcard sim traces analysis)
SRC     := $(sort $(shell find $(DIRS) -name '*.c' ! -path '*/tests/*' ! -path '*/samples/*'))
TSRC    := $(sort $(shell find $(DIRS) -path '*/tests/*.c'))
TESTS   := $(patsubst %.c,$(BUILD)/test/%,$(foreach s,$(TSRC),$(if $(filter t_%,$(notdir $s)),$s)))
SCRIPTS := $(sort $(shell find $(DIRS) -path '*/tests/t_*.sh'))
OBJ     := $(SRC:%.c=$(BUILD)/obj/%.o)
TOBJ    := $(SRC:%.c=$(BUILD)/test/%.o) $(TSRC:%.c=$(BUILD)/test/%.o)
TARCH   := $(BUILD)/test/libmmreplay.a
ALL_T   := $(TESTS) $(SCRIPTS)
PICK    := $(if $(T),$(foreach t,$(ALL_T),$(if $(findstring $(T),$t),$t)),$(ALL_T))
J        = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
NEED     = $(filter $(BUILD)/%,$(PICK)) $(if $(filter %.sh,$(PICK)),all $(BUILD)/test/mmreplay)
SUB      = +@$(MAKE) --no-print-directory $(J)
Q       := $(if $(V),,@)

all: $(BUILD)/mmreplay		## build build/mmreplay (CC=clang, BUILD=dir, V=1)

deps:				## install what is missing; touches nothing if all is there
	@CC='$(CC)' sim/tests/deps.sh

demo: deps			## build, then policies side by side on a real capture
	$(SUB) all
	$(BUILD)/mmreplay run scenarios/demo.yaml -o $(BUILD)/demo
	$(BUILD)/mmreplay plot $(BUILD)/demo

test: deps			## all tests under sanitizers; T=word picks by name
	$(SUB) $(NEED)
	@BUILD=$(BUILD) sim/tests/run.sh $(PICK)

check-long: deps		## the same tests with MMREPLAY_LONG=1: more cases, no time limit
	$(SUB) $(NEED)
	@BUILD=$(BUILD) MMREPLAY_LONG=1 sim/tests/run.sh $(PICK)

lint:				## include direction, sizes, words, number types; formatting (advisory)
	@sim/tests/lint.sh

bench bench-compare fuzz validation:	## not built yet: say so and fail
	@echo 'make $@: not built yet' >&2; exit 1

install: all			## program, data and plug-in headers under PREFIX (and DESTDIR)
	install -D -m 755 $(BUILD)/mmreplay $(DESTDIR)$(PREFIX)/bin/mmreplay
	@find scenarios -name '*.yaml' -exec install -D -m 644 {} \
		$(DESTDIR)$(PREFIX)/share/mmreplay/{} \;
	@find traces/samples -type f -exec install -D -m 644 {} \
		$(DESTDIR)$(PREFIX)/share/mmreplay/{} \;
	@find sim traces/trace.h -name '*.h' ! -path '*/tests/*' -exec install -D -m 644 {} \
		$(DESTDIR)$(PREFIX)/include/mmreplay/{} \;

clean:				## remove build/
	rm -rf $(BUILD)

help:				## this list
	@sed -n 's/^\([a-z][-a-z ]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | expand -t 36

$(BUILD)/mmreplay: $(OBJ)
	@echo '  LINK  $@'
	$(Q)$(CC) $(REL) -o $@ $(OBJ) $(LINK)

$(TARCH): $(filter-out $(BUILD)/test/sim/main.o $(TESTS:=.o),$(TOBJ))
	@echo '  AR    $@'
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/test/mmreplay: $(BUILD)/test/sim/main.o
$(TESTS): %: %.o
$(TESTS) $(BUILD)/test/mmreplay: $(TARCH)
	@echo '  LINK  $@'
	$(Q)$(CC) $(SAN) -o $@ $(filter %.o,$^) $(TARCH) $(if $(filter $@,$(TESTS)),-lcmocka) $(LINK)

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D); echo '  CC    $<'
	$(Q)$(CC) $(FLAGS) $(REL) -MMD -MP -c -o $@ $<

$(BUILD)/test/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D); echo '  CC/T  $<'
	$(Q)$(CC) $(FLAGS) $(SAN) -MMD -MP -c -o $@ $<

$(BUILD)/obj/sim/results/program.o $(BUILD)/test/sim/results/program.o: $(BUILD)/model_id.h

# Both files change only when their content does, so nothing is rebuilt in vain.
replace_if_new = cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(BUILD)/flags: FORCE
	@mkdir -p $(@D); echo '$(CC) $(FLAGS) $(REL) / $(SAN) / $(LINK)' > $@.new; $(replace_if_new)

# What decides a result: part of every cell's id (MODEL_ID in results).
$(BUILD)/model_id.h: FORCE
	@mkdir -p $(@D); id=$$(find sim traces $(wildcard scenarios/machines scenarios/kernels) \
		\( -name '*.[ch]' -o -name '*.def' -o -path 'scenarios/*.yaml' \) ! -path '*/tests/*' | \
		LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-32); \
	printf '#define MMREPLAY_%s "%s"\n' VERSION '$(VERSION)' MODEL_ID "$$id" > $@.new; \
	$(replace_if_new)

FORCE:
.PHONY: all deps demo test check-long lint bench bench-compare fuzz validation install \
	clean help FORCE
.SECONDARY: $(OBJ) $(TOBJ)
.DELETE_ON_ERROR:

-include $(OBJ:.o=.d) $(TOBJ:.o=.d)
