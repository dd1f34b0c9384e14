# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
#
# One Makefile, no configure. A new source file needs no edit here: every folder is a wildcard.
#
#   MODE=release|debug|asan|tsan|mutant|moves|ucontext   which build; all but release: build/MODE/
#   V=1                                   show commands
#   WERROR=1                              warnings are errors
#   BPF=0                                 leave out the kernel view, also where its tools are
#   CC AR CFLAGS CPPFLAGS LDFLAGS         as usual; CFLAGS replaces "-O2 -g"
#   PREFIX DESTDIR LIBDIR INCLUDEDIR MANDIR

VERSION := $(shell cat VERSION)
SOVERSION := 0
MODE ?= release

ifeq ($(origin CC),default)
CC := gcc
endif
CXX ?= g++
AR ?= ar
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
INSTALL ?= install
JOBS ?= $(shell nproc 2>/dev/null || echo 1)

# Parallel by default. A -j on the command line wins over this one, and so does a make above.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(JOBS)
endif

# Goals that clear, install, measure or test come one after the other, as they were named.
ifneq ($(word 2,$(MAKECMDGOALS)),)
ifneq ($(filter clean install uninstall check% lint mutants twins explore moves compare% bench% beside,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif
endif

V ?= 0
ifeq ($(V),1)
Q :=
say :=
else
Q := @
say = @printf '  %-8s%s\n' '$(1)' '$(2)';
MAKEFLAGS += --no-print-directory
endif

# ---------------------------------------------------------------------------------------- modes

MODE_CFLAGS_release :=
MODE_CFLAGS_debug := -O0 -DDUET_DEBUG -DDUET_MOVES
MODE_CFLAGS_asan := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all -DDUET_DEBUG -DDUET_MOVES
MODE_CFLAGS_tsan := -O1 -fno-omit-frame-pointer -fsanitize=thread
MODE_CFLAGS_mutant := -O1 -DDUET_MUTANTS -DDUET_MOVES
# As released, but that the moves of the two state tables are counted.
MODE_CFLAGS_moves := -DDUET_MOVES
# Fibers switch as they do where the library has no switch of its own.
MODE_CFLAGS_ucontext := -DDUET_FIBER_UCONTEXT
# The lint's own builds: objects only, one by each compiler.
MODE_CFLAGS_lint-gcc :=
MODE_CFLAGS_lint-clang :=

ifeq ($(filter MODE_CFLAGS_$(MODE),$(.VARIABLES)),)
$(error MODE=$(MODE) is not one of release, debug, asan, tsan, mutant, moves, ucontext)
endif

BUILD := build
B := $(if $(filter release,$(MODE)),$(BUILD),$(BUILD)/$(MODE))

WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Werror=implicit-function-declaration $(if $(filter 1,$(WERROR)),-Werror)
CXX_WARNINGS := $(filter-out -Wstrict-prototypes -Wmissing-prototypes \
	-Werror=implicit-function-declaration,$(WARNINGS))
INCLUDES := -Icore -Icompletion -Ipolling -Ireference -Ilaboratory -I.
CFLAGS ?= -O2 -g

# Not empty if two texts aren't the same, but for blanks around and between words: GNU make 4.3 doesn't
# always take the newline off what it has read from a file.
differ = $(subst x$(strip $(1))x,,x$(strip $(2))x)

# Asked for when a recipe first needs the answer, not when this file is read: before the set-up has
# run there may be no pkg-config to ask.
memo = $(eval $(1) := $(shell $(2)))$($(1))
URING_CFLAGS = $(call memo,URING_CFLAGS,pkg-config --cflags liburing)
URING_LIBS = $(call memo,URING_LIBS,pkg-config --libs liburing)
JANSSON_CFLAGS = $(call memo,JANSSON_CFLAGS,pkg-config --cflags jansson)
JANSSON_LIBS = $(call memo,JANSSON_LIBS,pkg-config --libs jansson)
# Debian's http-parser has no .pc file.
HTTP_LIBS := -lhttp_parser
CHECK_CFLAGS = $(call memo,CHECK_CFLAGS,pkg-config --cflags check)
CHECK_LIBS = $(call memo,CHECK_LIBS,pkg-config --libs check)
# The kernel view: .bpf says whether its tools are here. Debian's bpftool stands where only root
# looks.
BPF ?= 1
WITH_BPFTOOL = PATH="$$PATH:/usr/sbin:/sbin"
BPF_TOOLS = [ '$(BPF)' != 0 ] && command -v clang && $(WITH_BPFTOOL) command -v bpftool && \
	pkg-config --atleast-version=1.1 libbpf
BPF_LIBS = $(call memo,BPF_LIBS,grep -qx yes $(B)/.bpf && pkg-config --libs libbpf)
# The program's C++20: .cxx says whether CXX has coroutines, and CC links what it makes.
CXX_LIBS = $(if $(filter yes,$(file <$(B)/.cxx)),-lstdc++)

# -D_GNU_SOURCE with an empty value, so that a file may define it as well.
ALL_CPPFLAGS = $(INCLUDES) -D_GNU_SOURCE= $(CPPFLAGS)
ALL_CFLAGS = -std=gnu11 -pthread $(WARNINGS) $(CFLAGS) $(MODE_CFLAGS_$(MODE))
ALL_LDFLAGS = -pthread $(filter -fsanitize=%,$(MODE_CFLAGS_$(MODE))) $(LDFLAGS)
CXXFLAGS ?= $(CFLAGS)
ALL_CXXFLAGS = -std=c++20 -pthread $(CXX_WARNINGS) $(CXXFLAGS) $(MODE_CFLAGS_$(MODE))
LIBRARY_CFLAGS := -fPIC -fvisibility=hidden

# -------------------------------------------------------------------------------------- sources

CORE_SRC := $(wildcard core/*.c core/tasks/*.c)
COMPLETION_SRC := $(wildcard completion/*.c)
POLLING_SRC := $(wildcard polling/*.c)
REFERENCE_SRC := $(wildcard reference/*.c)
LABORATORY_SRC := $(wildcard laboratory/*.c)
COMPARE_SRC := $(filter-out %.bpf.c,$(wildcard compare/*.c compare/*/*.c compare/*/*/*.c))
# What the program has of C++20, or nothing where there is no compiler for it.
COMPARE_CXX_SRC := $(wildcard compare/*/*.cpp)
# The program has none of these: they are unsafe on purpose.
SPECIMEN_SRC := $(wildcard compare/laboratory/specimens/*.c)
TWINS_SRC := $(wildcard reference/twins/*.c)
EXPLORE_SRC := $(wildcard reference/explore/*.c)
# One program for each model, and what they share.
ROCKETS_SRC := $(wildcard examples/rockets/*.c)
ROCKETS_SHARED_SRC := $(filter-out examples/rockets/rockets-%,$(ROCKETS_SRC))
EXAMPLES_SRC := $(wildcard examples/*.c) $(filter examples/rockets/rockets-%,$(ROCKETS_SRC))
FLOOR_SRC := $(wildcard bench/floor_*.c)
BENCH_SRC := $(wildcard bench/bench_*.c)
BENCH_SUPPORT_SRC := $(wildcard bench/support/*.c)
FLOORS_SRC := $(wildcard bench/floors/*.c)
SUPPORT_SRC := $(wildcard tests/support/*.c)
TEST_KINDS := unit contract fault regress hazards fuzz
TEST_SRC := $(wildcard $(TEST_KINDS:%=tests/%/*.c))
CXX_TEST_SRC := $(wildcard tests/cxx/*.cpp)
HEADERS := $(wildcard core/duet/*.h core/duet/*.hpp completion/duet/*.h polling/duet/*.h reference/duet/*.h \
	laboratory/duet/*.h)

ALL_SRC := $(CORE_SRC) $(COMPLETION_SRC) $(POLLING_SRC) $(REFERENCE_SRC) $(LABORATORY_SRC) \
	$(COMPARE_SRC) $(TWINS_SRC) $(EXPLORE_SRC) $(EXAMPLES_SRC) $(ROCKETS_SHARED_SRC) $(FLOOR_SRC) $(FLOORS_SRC) \
	$(BENCH_SRC) $(BENCH_SUPPORT_SRC) \
	$(SUPPORT_SRC) $(TEST_SRC)

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
CXX_BENCH_SRC := $(wildcard bench/cxx/*.cpp)
CXX_OBJ = $(patsubst $(B)/%,$(B)/obj/%.o,$(CXX_TESTS)) $(CXX_BENCH_SRC:%.cpp=$(B)/obj/%.o)
COMPARE_CXX_OBJ := $(COMPARE_CXX_SRC:%.cpp=$(B)/obj/%.o)

# A library stands for each folder that has a source.
LIBRARIES := $(if $(CORE_SRC),libduet) $(if $(COMPLETION_SRC),libduet-completion) \
	$(if $(POLLING_SRC),libduet-polling) $(if $(REFERENCE_SRC),libduet-reference) \
	$(if $(LABORATORY_SRC),libduet-laboratory)
STATIC := $(LIBRARIES:%=$(B)/lib/%.a)
# Nobody installs an instrumented or mutated library: those builds have no shared ones.
SHARED := $(if $(filter release debug,$(MODE)),$(LIBRARIES:%=$(B)/lib/%.so))
# Backends before the core they use.
LINK_STATIC := $(filter-out %/libduet.a,$(STATIC)) $(filter %/libduet.a,$(STATIC))

PROGRAM := $(if $(filter compare/main.c,$(COMPARE_SRC)),$(B)/duet)
TWINS := $(if $(filter reference/twins/main.c,$(TWINS_SRC)),$(B)/twins)
EXPLORE := $(if $(filter reference/explore/main.c,$(EXPLORE_SRC)),$(B)/explore)
EXAMPLES := $(EXAMPLES_SRC:%.c=$(B)/%)
BENCHES := $(FLOOR_SRC:%.c=$(B)/%) $(BENCH_SRC:%.c=$(B)/%)
# The C++ tests once more by clang++; not where the libraries are instrumented by the other compiler.
CXX_TWICE := $(if $(findstring clang,$(CXX))$(findstring -fsanitize,$(MODE_CFLAGS_$(MODE))),,clang)
CXX_TESTS := $(CXX_TEST_SRC:tests/%.cpp=$(B)/tests/%) \
	$(if $(CXX_TWICE),$(CXX_TEST_SRC:tests/cxx/%.cpp=$(B)/tests/cxx-clang/%))
C_TESTS := $(TEST_SRC:%.c=$(B)/%)
TESTS := $(C_TESTS) $(CXX_TESTS)
tests_of = $(filter $(B)/tests/$(1)/%,$(TESTS))

# ---------------------------------------------------------------------------------- main targets

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all objects everything setup compare compare-full check check-unit check-contract \
	check-fault check-regress check-programs check-asan check-tsan check-valgrind check-twins \
	check-explore check-moves check-ucontext check-guard check-examples check-clients check-beside check-install check-method lint mutants twins explore \
	check-hazards check-fuzz check-cxx fuzz moves specimens stress method bench beside tidy install uninstall \
	clean format compdb help FORCE

all: $(STATIC) $(SHARED) $(PROGRAM) $(TWINS) $(EXPLORE) $(EXAMPLES) ## build the libraries, the program and the examples

objects: $(call obj,$(ALL_SRC)) $(CXX_OBJ) $(COMPARE_CXX_OBJ) ## compile every source, link nothing

everything: all $(BENCHES) $(TESTS) ## all, and every test program and benchmark

setup: ## install what Debian packages are missing to build and to test
	@scripts/setup test

# Kept per purpose, so that building asks for nothing that only testing needs. What was found then
# is looked for again each time, as far as that costs no more than a moment: if it is gone, or CC is
# another, the set-up says so, and not a compiler.
FOUND_run := command -v $(firstword $(CC)) && pkg-config --exists liburing jansson && \
	printf '\#include <%s>\n' http_parser.h uthash.h | $(CC) -E -x c -
FOUND_test := command -v g++ && command -v clang && command -v valgrind && \
	command -v strace && command -v redis-cli && command -v wrk && command -v socat && \
	command -v ncat && command -v openssl && pkg-config --exists check openssl
missing = $(shell { $(FOUND_$(1)); } >/dev/null 2>&1 || echo missing)
lost = $(if $(wildcard $(BUILD)/.setup-$(1)),$(if $(call missing,$(1))$(call \
	differ,$(CC),$(file <$(BUILD)/.setup-$(1))),FORCE))

$(BUILD)/.setup-run: $(call lost,run)
$(BUILD)/.setup-test: $(call lost,test)
$(BUILD)/.setup-%: scripts/setup
	@mkdir -p $(@D)
	@CC='$(CC)' scripts/setup $*
	@echo '$(CC)' >$@

compare: $(PROGRAM) ## the quick comparison on this machine, and what a cancel does: tables, and build/compare*.json
	@$(B)/duet compare --set quick --json $(BUILD)/compare.json
	@echo
	@$(B)/duet cancel sweep conversation race --orders 0 --json $(BUILD)/compare-sweep.json

compare-full: $(PROGRAM) ## the whole comparison table, and build/compare-full.json
	@$(B)/duet compare --set full --json $(BUILD)/compare-full.json

# ---------------------------------------------------------------------------------------- rules

# Whatever decides how an object comes out, so that another CFLAGS rebuilds it. Compared when this
# is read, so that nothing is to be done, not even by `make -n`, when nothing has changed.
FLAGS := $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) $(CXX) $(CXXFLAGS)
$(B)/.flags: $(if $(call differ,$(FLAGS),$(file <$(B)/.flags)),FORCE)
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(FLAGS))' >$@

compile = $(call say,CC,$@)mkdir -p $(@D) && \
	$(CC) $(ALL_CPPFLAGS) $(1) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
link = $(call say,LD,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(1)
archive = $(call say,AR,$@)mkdir -p $(@D) && rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

$(call obj,$(ALL_SRC)): $(B)/.flags | $(BUILD)/.setup-run
$(STATIC) $(patsubst %,$(B)/obj/%.a,support compare specimens rockets bench floors twins explore): \
		| $(BUILD)/.setup-run
$(call obj,$(SUPPORT_SRC) $(TEST_SRC)): | $(BUILD)/.setup-test

$(B)/obj/core/%.o: core/%.c
	$(call compile,$(LIBRARY_CFLAGS))
$(B)/obj/completion/%.o: completion/%.c
	$(call compile,$(LIBRARY_CFLAGS) $(URING_CFLAGS))
$(B)/obj/polling/%.o: polling/%.c
	$(call compile,$(LIBRARY_CFLAGS))
$(B)/obj/reference/%.o: reference/%.c
	$(call compile,$(LIBRARY_CFLAGS))
$(B)/obj/laboratory/%.o: laboratory/%.c
	$(call compile,$(LIBRARY_CFLAGS))
$(B)/obj/compare/%.o: compare/%.c
	$(call compile,-DDUET_VERSION='"$(VERSION)"' $(JANSSON_CFLAGS) -isystem $(B)/obj)
$(B)/obj/tests/%.o: tests/%.c
	$(call compile,$(CHECK_CFLAGS) $(JANSSON_CFLAGS) $(URING_CFLAGS))
$(B)/obj/%.o: %.c
	$(call compile,$(URING_CFLAGS))

# What runs in the kernel, wrapped in a header for the program that loads it; a header without it where
# there is nothing to build it with.
$(B)/.bpf: FORCE | $(BUILD)/.setup-run
	@mkdir -p $(@D)
	@if { $(BPF_TOOLS); } >/dev/null 2>&1; then echo yes; else echo no; fi >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(B)/obj/%.skel.h: %.bpf.c $(B)/.bpf
	$(call say,BPF,$@)mkdir -p $(@D) && if grep -qx no $(B)/.bpf; then \
		echo '/* built without clang, bpftool or libbpf */' >$@; \
	else \
		clang -target bpf -g -O2 -Wall -Wextra -Wno-unused-parameter -I. -MMD -MP -MT $@ \
			-MF $(@:.h=.d) -c -o $(@:.skel.h=.bpf.o) $< && \
		$(WITH_BPFTOOL) bpftool gen object $(@:.skel.h=.linked.o) $(@:.skel.h=.bpf.o) && \
		$(WITH_BPFTOOL) bpftool gen skeleton $(@:.skel.h=.linked.o) name $(*F)_bpf >$@; \
	fi
$(B)/obj/compare/kernel/view.o: $(B)/obj/compare/kernel/counts.skel.h
-include $(B)/obj/compare/kernel/counts.skel.d

# C++20's rows of the program: left out, with a line in the table instead, where CXX compiles no
# coroutines or CC can't link them. Asked again until there is one that does.
COROUTINES_TRY := '\#include <coroutine>' '\#include <stop_token>' \
	'\#ifndef __cpp_lib_coroutine' '\#error none' '\#endif' \
	'int main() { return std::stop_source().stop_requested(); }'
$(B)/.cxx: $(B)/.flags $(if $(filter yes,$(file <$(B)/.cxx)),,FORCE) | $(BUILD)/.setup-run
	@mkdir -p $(@D)
	@if { printf '%s\n' $(COROUTINES_TRY) | $(CXX) $(ALL_CXXFLAGS) -x c++ -c -o $@.o - && \
		$(CC) $(ALL_LDFLAGS) -o $@.try $@.o -lstdc++; } >/dev/null 2>&1; \
	then echo yes; else echo no; fi >$@.new; rm -f $@.o $@.try
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(B)/obj/compare/%.o: compare/%.cpp $(B)/.cxx
	$(call say,CXX,$@)mkdir -p $(@D) && if grep -qx yes $(B)/.cxx; then \
		$(CXX) $(filter-out -D_GNU_SOURCE%,$(ALL_CPPFLAGS)) $(ALL_CXXFLAGS) -MMD -MP -c -o $@ $<; \
	else $(CC) $(ALL_CFLAGS) -w -x c -c -o $@ /dev/null; fi
# Who names them has to know whether they are there.
COMPARE_CXX_USERS := $(patsubst %,$(B)/obj/compare/%.o,claim/hot_awaiters claim/models_stage laboratory/swept)
$(COMPARE_CXX_USERS): $(B)/.cxx
$(COMPARE_CXX_USERS): private CPPFLAGS += $(if $(filter yes,$(file <$(B)/.cxx)),-DDUET_CXX)

# A stored comparison says of which build it is.
$(B)/obj/compare/report/environment.o: $(wildcard .git/logs/HEAD)
$(B)/obj/compare/report/environment.o: private CPPFLAGS += \
	-DDUET_COMMIT='"$(shell git describe --always --dirty 2>/dev/null || echo unknown)"' \
	-DDUET_BUILD_FLAGS='"$(ALL_CFLAGS)"'

$(B)/lib/libduet.a: $(call obj,$(CORE_SRC))
	$(archive)
$(B)/lib/libduet-completion.a: $(call obj,$(COMPLETION_SRC))
	$(archive)
$(B)/lib/libduet-polling.a: $(call obj,$(POLLING_SRC))
	$(archive)
$(B)/lib/libduet-reference.a: $(call obj,$(REFERENCE_SRC))
	$(archive)

$(B)/lib/libduet-laboratory.a: $(call obj,$(LABORATORY_SRC))
	$(archive)

# What programs and tests share beside the libraries: everything of a program but its main().
# The driver of the fuzz targets has a main() of its own.
FUZZ_DRIVER := tests/support/fuzz.c
$(B)/obj/support.a: $(call obj,$(filter-out $(FUZZ_DRIVER),$(SUPPORT_SRC)))
	$(archive)
$(B)/obj/compare.a: $(call obj,$(filter-out compare/main.c $(SPECIMEN_SRC),$(COMPARE_SRC))) $(COMPARE_CXX_OBJ)
	$(archive)
$(B)/obj/specimens.a: $(call obj,$(filter-out %/main.c,$(SPECIMEN_SRC)))
	$(archive)
$(B)/obj/rockets.a: $(call obj,$(ROCKETS_SHARED_SRC))
	$(archive)
$(B)/obj/bench.a: $(call obj,$(BENCH_SUPPORT_SRC))
	$(archive)
$(B)/obj/floors.a: $(call obj,$(FLOORS_SRC))
	$(archive)
$(B)/obj/twins.a: $(call obj,$(filter-out reference/twins/main.c,$(TWINS_SRC)))
	$(archive)
$(B)/obj/explore.a: $(call obj,$(filter-out reference/explore/main.c,$(EXPLORE_SRC)))
	$(archive)

SHARED_FLAGS = -shared -Wl,-z,defs -Wl,-soname,$(@F).$(SOVERSION) \
	-Wl,--version-script=packaging/$(basename $(@F)).map
share = $(call say,LD,$@.$(VERSION))mkdir -p $(@D) && \
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(SHARED_FLAGS) -o $@.$(VERSION) $(filter %.o,$^) $(1) && \
	ln -sf $(@F).$(VERSION) $@.$(SOVERSION) && ln -sf $(@F).$(SOVERSION) $@

$(SHARED): $(B)/lib/%.so: packaging/%.map VERSION
$(B)/lib/libduet.so: $(call obj,$(CORE_SRC))
	$(call share,)
$(B)/lib/libduet-completion.so: $(call obj,$(COMPLETION_SRC)) | $(B)/lib/libduet.so
	$(call share,-L$(B)/lib -lduet $(URING_LIBS))
$(B)/lib/libduet-polling.so: $(call obj,$(POLLING_SRC)) | $(B)/lib/libduet.so
	$(call share,-L$(B)/lib -lduet)
$(B)/lib/libduet-reference.so: $(call obj,$(REFERENCE_SRC)) | $(B)/lib/libduet.so
	$(call share,-L$(B)/lib -lduet)

$(B)/lib/libduet-laboratory.so: $(call obj,$(LABORATORY_SRC)) | $(B)/lib/libduet.so
	$(call share,-L$(B)/lib -lduet)

$(B)/duet: $(B)/obj/compare/main.o $(B)/obj/compare.a $(B)/obj/floors.a $(LINK_STATIC)
	$(call link,$^ $(JANSSON_LIBS) $(HTTP_LIBS) $(URING_LIBS) $(BPF_LIBS) $(CXX_LIBS) -lm)
$(B)/specimens: $(B)/obj/compare/laboratory/specimens/main.o $(B)/obj/specimens.a \
		$(B)/obj/compare.a $(B)/obj/floors.a $(LINK_STATIC)
	$(call link,$^ $(JANSSON_LIBS) $(HTTP_LIBS) $(URING_LIBS) $(BPF_LIBS) $(CXX_LIBS) -lm)
$(B)/twins: $(B)/obj/reference/twins/main.o $(B)/obj/twins.a $(LINK_STATIC)
	$(call link,$^ $(URING_LIBS) -lm)
$(B)/explore: $(B)/obj/reference/explore/main.o $(B)/obj/explore.a $(B)/lib/libduet-reference.a $(B)/lib/libduet.a
	$(call link,$^)
$(filter $(B)/examples/rockets/%,$(EXAMPLES)): $(B)/obj/rockets.a
$(filter-out %/tls,$(EXAMPLES)): $(B)/%: $(B)/obj/%.o $(LINK_STATIC)
	$(call link,$(filter %.o %/rockets.a,$^) $(filter %.a,$^) $(EXAMPLE_LIBS) $(URING_LIBS))
$(filter $(B)/examples/rockets/%,$(EXAMPLES)): private EXAMPLE_LIBS = $(JANSSON_LIBS) $(HTTP_LIBS)
# The one that speaks TLS is for who has OpenSSL; else it is left out, with a line.
$(B)/.tls: FORCE | $(BUILD)/.setup-run
	@mkdir -p $(@D)
	@if pkg-config --exists openssl; then echo yes; else echo no; fi >$@.new 2>/dev/null
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
with_tls = if grep -qx yes $(B)/.tls; then $(1); else $(2); fi
$(B)/obj/examples/tls.o: examples/tls.c $(B)/.tls
	$(call say,CC,$@)mkdir -p $(@D) && $(call with_tls,$(CC) $(ALL_CPPFLAGS) $$(pkg-config \
		--cflags openssl) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<,$(CC) -x c -c -o $@ /dev/null)
$(B)/examples/tls: $(B)/obj/examples/tls.o $(LINK_STATIC)
	$(call say,LD,$@)mkdir -p $(@D) && $(call with_tls,$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ \
		$(URING_LIBS) $$(pkg-config --libs openssl),rm -f $@; \
		echo 'examples: tls is left out: OpenSSL (libssl-dev) is not here')
# Some are clients of what the program serves.
check-examples: $(PROGRAM)
# In C++20, for who has a compiler that knows coroutines; else an empty file, which nobody runs. No part of
# `all`, which needs no C++.
KNOWS_COROUTINES = printf '%s\n' '\#include <coroutine>' '\#ifndef __cpp_lib_coroutine' '\#error none' \
	'\#endif' | $(CXX) -std=c++20 -x c++ -fsyntax-only - >/dev/null 2>&1
CXX_EXAMPLES := $(patsubst %.cpp,$(B)/%,$(wildcard examples/rockets/*.cpp))
check-examples: $(CXX_EXAMPLES)
$(CXX_EXAMPLES): $(B)/%: %.cpp $(B)/.flags $(B)/obj/rockets.a $(LINK_STATIC) | $(BUILD)/.setup-test
	$(call say,CXX,$@)mkdir -p $(@D) && if $(KNOWS_COROUTINES); then \
		$(CXX) $(INCLUDES) $(CPPFLAGS) -std=c++20 -pthread -Wall -Wextra $(CXXFLAGS) \
			$(MODE_CFLAGS_$(MODE)) -MMD -MP -MT $@ -MF $@.d -o $@ $< $(LDFLAGS) \
			$(B)/obj/rockets.a $(LINK_STATIC) $(JANSSON_LIBS) $(HTTP_LIBS) $(URING_LIBS); \
	else : >$@; fi
-include $(CXX_EXAMPLES:%=%.d)
$(FLOOR_SRC:%.c=$(B)/%): $(B)/%: $(B)/obj/%.o $(B)/obj/bench.a $(B)/obj/floors.a
	$(call link,$^ $(URING_LIBS) -lm)
$(filter-out %/bench_coroutine,$(BENCH_SRC:%.c=$(B)/%)): $(B)/%: $(B)/obj/%.o $(B)/obj/bench.a $(B)/obj/floors.a $(LINK_STATIC)
	$(call link,$(filter-out %/.fcontext,$^) $(BENCH_LIBS) $(URING_LIBS) -lm)
# Boost's switch, beside which a fiber's is set, if it is here: its rows are left out otherwise.
FCONTEXT_LIBS := -Wl,-u,jump_fcontext -Wl,-u,make_fcontext \
	-Wl,-Bstatic -lboost_context -Wl,-Bdynamic
$(B)/.fcontext: FORCE | $(BUILD)/.setup-run
	@mkdir -p $(@D)
	@if echo 'int main(void) { return 0; }' | \
		$(CC) -x c - -o $@.try $(LDFLAGS) $(FCONTEXT_LIBS) >/dev/null 2>&1; \
	then echo yes; else echo no; fi >$@.new; rm -f $@.try
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(B)/bench/bench_fiber: $(B)/.fcontext
$(B)/bench/bench_fiber: BENCH_LIBS = $(if $(filter yes,$(file <$(B)/.fcontext)),$(FCONTEXT_LIBS))
# Only the tests of the benches' own modules: their names are not kept apart from the libraries'.
$(filter $(B)/tests/unit/bench_%,$(TESTS)): $(B)/obj/bench.a
$(filter $(B)/tests/fuzz/%,$(TESTS)): $(call obj,$(FUZZ_DRIVER))
$(C_TESTS): $(B)/%: $(B)/obj/%.o $(B)/obj/support.a $(B)/obj/specimens.a $(B)/obj/compare.a \
		$(B)/obj/floors.a $(B)/obj/twins.a $(B)/obj/explore.a $(LINK_STATIC)
	$(call link,$(filter %.o,$^) $(filter %/bench.a,$^) $(filter-out %.o %/bench.a,$^) \
		$(CHECK_LIBS) $(JANSSON_LIBS) $(HTTP_LIBS) $(URING_LIBS) $(BPF_LIBS) $(CXX_LIBS) -lm)

# The suite of all models once more, with that of C++ among them.
$(filter %/model,$(CXX_TESTS)): $(B)/obj/tests/contract/model.o
# A compiler without coroutines makes programs that say so.
with_coroutines = printf '\#include <coroutine>\n\#ifndef __cpp_lib_coroutine\n\#error none\n\#endif\n' | \
	$(1) -std=c++20 -x c++ -fsyntax-only - >/dev/null 2>&1
compile_cxx = $(call say,CXX,$@)mkdir -p $(@D) && if $(call with_coroutines,$(1)); then \
		$(1) $(filter-out -D_GNU_SOURCE%,$(ALL_CPPFLAGS)) $(CHECK_CFLAGS) $(ALL_CXXFLAGS) -MMD -MP -c -o $@ $<; \
	else echo >$@; fi
link_cxx = $(call say,LD,$@)mkdir -p $(@D) && if [ "$$(wc -c <$<)" -gt 1 ]; then \
		$(1) $(ALL_CXXFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(URING_LIBS) -lm; \
	else printf '%s\n' '\#!/bin/sh' 'echo "skipped: $(1) compiles no coroutines here"' \
		'echo "100%: Checks: 1, Failures: 0, Errors: 0"' >$@; chmod +x $@; fi

$(CXX_OBJ): $(B)/.flags | $(BUILD)/.setup-test
$(B)/obj/tests/cxx/%.o: tests/cxx/%.cpp
	$(call compile_cxx,$(CXX))
$(B)/obj/tests/cxx-clang/%.o: tests/cxx/%.cpp
	$(call compile_cxx,clang++)
$(B)/obj/bench/cxx/%.o: bench/cxx/%.cpp
	$(call compile_cxx,$(CXX))
$(B)/bench/bench_coroutine: $(B)/obj/bench/bench_coroutine.o $(CXX_BENCH_SRC:%.cpp=$(B)/obj/%.o) \
		$(B)/obj/bench.a $(LINK_STATIC)
	$(call say,LD,$@)mkdir -p $(@D) && $(CXX) $(ALL_CXXFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(URING_LIBS) -lm
$(filter $(B)/tests/cxx/%,$(CXX_TESTS)): $(B)/%: $(B)/obj/%.o $(B)/obj/support.a $(LINK_STATIC)
	$(call link_cxx,$(CXX))
$(filter $(B)/tests/cxx-clang/%,$(CXX_TESTS)): $(B)/%: $(B)/obj/%.o $(B)/obj/support.a $(LINK_STATIC)
	$(call link_cxx,clang++)

-include $(patsubst %.o,%.d,$(call obj,$(ALL_SRC)) $(CXX_OBJ) $(COMPARE_CXX_OBJ))

# ---------------------------------------------------------------------------------------- tests

# Where a run's totals are also kept, for `make check` to add up.
TOTALS ?=
# Tests mostly wait: as many at once as there are cores.
TEST_JOBS ?= $(JOBS)
# Where the test programs note the moves of the state tables that they saw, if the build counts them.
MOVES := $(if $(findstring -DDUET_MOVES,$(MODE_CFLAGS_$(MODE))),$(abspath $(B))/suite.moves)
# Told, and judged: each of them is made on each backend on which it can be.
tell_moves = @[ -z '$(MOVES)' ] || { $(B)/explore --suite $(MOVES); $(RUN_TESTS) -l moves \
	-w scripts/as-check '$(B)/explore --suite $(MOVES)'; }
RUN_TESTS = DUET_BUILD=$(B) DUET_TEST_MOVES=$(MOVES) scripts/run-tests $(if $(TOTALS),-o $(TOTALS)) -j $(TEST_JOBS)
# What tests may start: the program, the twins' player, the explorer, the examples.
PLAYERS := $(PROGRAM) $(TWINS) $(EXPLORE) $(EXAMPLES)
# Programs named in a list, as KIND/NAME or KIND/*; # begins a comment. A name that is not there
# is an error, no rule makes it.
listed = $(foreach name,$(shell sed -e 's/\#.*//' tests/$(1).list 2>/dev/null),$(if \
	$(findstring *,$(name)),$(filter $(B)/tests/$(dir $(name))%,$(TESTS)),$(B)/tests/$(name)))

check: | $(BUILD)/.setup-test ## every test, sanitizers and lint included: what a change must pass
	+@MAKE='$(MAKE)' BUILD='$(BUILD)' scripts/check

check-unit: $(call tests_of,unit) $(PLAYERS) ## unit tests, which mirror the modules
	@$(RUN_TESTS) -l unit $(call tests_of,unit)

check-contract: $(call tests_of,contract) $(PLAYERS) ## one suite a kind of operation, every backend
	@$(RUN_TESTS) -l contract $(call tests_of,contract)

check-fault: $(call tests_of,fault) $(PLAYERS) ## injected errors and bad input
	@$(RUN_TESTS) -l fault $(call tests_of,fault)

check-regress: $(call tests_of,regress) $(PLAYERS) ## one program for each bug that was
	@$(RUN_TESTS) -l regress $(call tests_of,regress)

check-hazards: $(call tests_of,hazards) $(PLAYERS) ## what cancelling broke elsewhere: docs/cancellation.md has the list
	@$(RUN_TESTS) -l hazards $(call tests_of,hazards)

check-fuzz: $(call tests_of,fuzz) ## the kept inputs of the parsers, once
	@$(RUN_TESTS) -l fuzz $(call tests_of,fuzz)

check-cxx: $(CXX_TESTS) ## the C++20 header, by each compiler that has coroutines
	@$(RUN_TESTS) -l cxx $(CXX_TESTS)

check-programs: $(TESTS) $(PLAYERS) ## all test programs of one MODE, in one run
	@rm -f $(MOVES)
	@$(RUN_TESTS) -l $(MODE) $(TESTS)
	$(tell_moves)

check-asan: export ASAN_OPTIONS := detect_leaks=1:strict_string_checks=1
check-asan: export UBSAN_OPTIONS := print_stacktrace=1
check-asan: export CK_TIMEOUT_MULTIPLIER := 4
check-asan: ## all test programs under AddressSanitizer and UBSan, debug checks on
	+@$(MAKE) MODE=asan check-programs

ifeq ($(MODE),tsan)
check-tsan: export TSAN_OPTIONS := halt_on_error=1:second_deadlock_stack=1
check-tsan: export CK_TIMEOUT_MULTIPLIER := 4
check-tsan: $(call listed,tsan)
	@$(RUN_TESTS) -l tsan $(call listed,tsan)
else
check-tsan: ## the programs of tests/tsan.list under ThreadSanitizer
	+@$(MAKE) MODE=tsan check-tsan
endif

ifeq ($(MODE),debug)
check-guard: export CK_TIMEOUT_MULTIPLIER := 15
check-guard: $(B)/tests/fault/guard $(B)/tests/fault/guard_kinds $(B)/tests/contract/dump
	@$(RUN_TESTS) -l guard -t 240 $^
else
check-guard: ## what debug builds stop, without a sanitizer and under Valgrind
	+@$(MAKE) MODE=debug check-guard
endif

VALGRIND := valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite
check-valgrind: export DUET_TEST_BACKENDS := polling reference
check-valgrind: export CK_TIMEOUT_MULTIPLIER := 15
check-valgrind: $(call listed,valgrind) $(PLAYERS) ## the programs of tests/valgrind.list, no ring
	@$(RUN_TESTS) -l valgrind -t 240 -w '$(VALGRIND)' $(call listed,valgrind)

SCRIPTS ?= 3000
check-twins: $(TWINS) ## SCRIPTS (3000) random scripts on every backend, every trace judged
	@$(RUN_TESTS) -l twins-$(MODE) -t 240 -w scripts/as-check '$(B)/twins --scripts $(SCRIPTS)'

ifeq ($(MODE),moves)
check-explore: $(EXPLORE)
	@$(RUN_TESTS) -l explore -w scripts/as-check '$(B)/explore --depth $(or $(DEPTH),6)'
explore: $(EXPLORE)
	@$(B)/explore --depth $(or $(DEPTH),8)
# Whether the ring has room for a cancel is the unit tests' to decide.
MOVERS := $(call tests_of,contract) $(filter $(B)/tests/unit/completion_%,$(TESTS))
check-moves: $(MOVERS) $(EXPLORE)
	@rm -f $(MOVES)
	@$(RUN_TESTS) -l contract $(MOVERS)
	$(tell_moves)
else
check-explore: ## every sequence of DEPTH (6) moves on the reference backend, every rule after each
	+@$(MAKE) MODE=moves check-explore
explore: ## the same, 8 moves deep, with the states and edges that were seen
	+@$(MAKE) MODE=moves explore
moves: | $(BUILD)/.setup-test ## which moves of the state tables the contract programs make: all, on each backend
	+@$(MAKE) MODE=moves check-moves
endif

ifeq ($(MODE),ucontext)
FIBER_TESTS := $(filter $(B)/tests/contract/fiber%,$(TESTS)) $(B)/tests/fault/fiber
check-ucontext: $(FIBER_TESTS)
	@$(RUN_TESTS) -l ucontext $(FIBER_TESTS)
else
check-ucontext: ## the tests of fibers, with the switch that other processors than x86-64 have
	+@$(MAKE) MODE=ucontext check-ucontext
endif

check-examples: $(EXAMPLES) ## run every example
	@$(RUN_TESTS) -l examples tests/examples/run

check-clients: $(PROGRAM) | $(BUILD)/.setup-test ## what the program serves to curl, wrk, redis-cli, redis-benchmark, ncat and socat
	@$(RUN_TESTS) -l clients tests/clients/run

check-beside: $(PROGRAM) $(B)/bench/bench_beside peers | $(BUILD)/.setup-test ## bench/beside at its shortest: its figures are whole, and nothing is left behind
	@$(RUN_TESTS) -l beside tests/beside/run

check-install: all ## install into a temporary DESTDIR and build strangers against each library
	@$(RUN_TESTS) -l install tests/install/run tests/install/setup

# Python is for tests alone, and only for these.
check-method: $(PROGRAM) | $(BUILD)/.setup-test ## another program draws the conclusions again, from the rounds
	@$(RUN_TESTS) -l method tests/method/run

lint: | $(BUILD)/.setup-test ## the house rules, warnings of both compilers, and the lint of the lint
	@$(RUN_TESTS) -l lint -t 900 tests/lint/run tests/lint/selftest

mutants: | $(BUILD)/.setup-test ## switch on one deliberate fault at a time; every one must be caught
	+@$(MAKE) MODE=mutant everything
	@BUILD='$(BUILD)' scripts/mutants

twins: $(TWINS) ## random scripts until SECONDS (60) are over; the one of SEED, with SECONDS from it on
	@$(B)/twins $(if $(SEED),--seed $(SEED)) \
		$(if $(SECONDS),--seconds $(SECONDS),$(if $(SEED),,--seconds 60))

fuzz: | $(BUILD)/.setup-test ## changed inputs for the parsers under the sanitizers, FUZZ_SECONDS (60) in all
	+@MAKE='$(MAKE)' scripts/fuzz '$(BUILD)'

specimens: $(B)/specimens ## the unsafe policies: what each breaks on each mechanism, stated and observed
	@$(B)/specimens

stress: $(B)/duet ## COUNT (1000000) random cancels of each kind on each mechanism, KINDS or all: half an hour
	@$(B)/duet cancel stress $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED)) $(KINDS)

primitives: $(B)/tests/contract/primitive_random ## COUNT (10000000) random cancels of waits for permits, locks, elements and wakes: none lost
	@DUET_TEST_CANCELS=$(or $(COUNT),10000000) CK_DEFAULT_TIMEOUT=3600 \
		$(if $(SEED),DUET_TEST_SEED=$(SEED)) $<

method: $(PROGRAM) ## the comparison against itself: RUNS (200) times no difference, and as often 5 %
	@python3 tests/method/claims.py $(B)/duet $(or $(RUNS),200)

bench: $(BENCHES) | $(BUILD)/.setup-test ## each twin against its hand-written floor
	@bench/run $(B)/bench

# The libraries beside which the twins are set. Nothing else needs them, and who lacks one gets the
# others: what can't be built is left out with a line.
PEERS := libuv libev libevent asio_epoll asio_uring
PEER_HEADER_libuv := uv.h
PEER_HEADER_libev := ev.h
PEER_HEADER_libevent := event2/event.h
PEER_HEADER_asio_epoll := boost/asio.hpp
PEER_HEADER_asio_uring := boost/asio/detail/io_uring_service.hpp
PEER_LIBS_libuv := -luv
PEER_LIBS_libev := -lev
PEER_LIBS_libevent := -levent_core
PEER_FLAGS_asio_uring := -DBOOST_ASIO_HAS_IO_URING -DBOOST_ASIO_DISABLE_EPOLL
PEER_LIBS_asio_uring = $(URING_LIBS)

# NAME COMPILER
peer = $(Q)if printf '\#include <$(PEER_HEADER_$(1))>\n' | $(2) -E - >/dev/null 2>&1; then \
		mkdir -p $(@D) && $(2) -pthread $(PEER_FLAGS_$(1)) $< -o $@ $(LDFLAGS) \
			$(PEER_LIBS_$(1)); \
	else \
		rm -f $@; echo 'bench-peers: $(1) is left out: <$(PEER_HEADER_$(1))> is not here'; \
	fi
peer_c = $(call peer,$(1),$(CC) -x c -std=gnu11 $(WARNINGS) -D_GNU_SOURCE= $(CPPFLAGS) $(CFLAGS))
peer_cxx = $(call peer,$(1),$(CXX) -x c++ -std=c++17 -Wall -Wextra $(CPPFLAGS) $(CXXFLAGS))

peers: $(PEERS:%=$(B)/bench/peers/%) $(B)/bench/bench_fiber
$(B)/bench/peers/lib%: bench/peers/lib%.c bench/peers/listen.h
	$(call peer_c,lib$*)
$(B)/bench/peers/asio_%: bench/peers/asio.cpp
	$(call peer_cxx,asio_$*)

bench-peers: $(BENCHES) ## each twin beside libuv, libev, libevent and Boost.Asio, which it installs
	@CC='$(CC)' scripts/setup peers || echo 'bench-peers: goes on with what is here' >&2
	+@$(MAKE) peers
	@bench/run $(B)/bench peers fiber

beside: $(PROGRAM) $(B)/bench/bench_beside peers ## the services beside Redis, nginx, libuv, libev, libevent and Boost.Asio, as far as they are here
	@bench/beside '$(B)'

# ------------------------------------------------------------------------------------- packaging

PC_FILES := $(LIBRARIES:%=$(B)/lib/%.pc)
PAGES := $(wildcard docs/man/*.[1-9])
# Quoted: any of them may have a space in it.
dest = '$(DESTDIR)$(1)'

install: all ## install under PREFIX (/usr/local); honours DESTDIR, LIBDIR, INCLUDEDIR, MANDIR
	$(Q)$(INSTALL) -d $(call dest,$(BINDIR)) $(call dest,$(LIBDIR)/pkgconfig) \
		$(call dest,$(INCLUDEDIR)/duet)
	$(Q)$(INSTALL) -m 644 $(HEADERS) $(call dest,$(INCLUDEDIR)/duet)
	$(Q)$(INSTALL) -m 644 $(STATIC) $(call dest,$(LIBDIR))
	$(Q)set -e; for lib in $(LIBRARIES); do \
		$(INSTALL) -m 755 $(B)/lib/$$lib.so.$(VERSION) $(call dest,$(LIBDIR)); \
		ln -sf $$lib.so.$(VERSION) $(call dest,$(LIBDIR))/$$lib.so.$(SOVERSION); \
		ln -sf $$lib.so.$(SOVERSION) $(call dest,$(LIBDIR))/$$lib.so; \
		sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
			-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' \
			packaging/$$lib.pc.in >$(B)/lib/$$lib.pc; \
		$(INSTALL) -m 644 $(B)/lib/$$lib.pc $(call dest,$(LIBDIR)/pkgconfig); \
	done
	$(Q)if [ -n '$(PROGRAM)' ]; then $(INSTALL) -m 755 $(B)/duet $(call dest,$(BINDIR)); fi
	$(Q)set -e; for page in $(PAGES); do \
		$(INSTALL) -d $(call dest,$(MANDIR))/man$${page##*.}; \
		$(INSTALL) -m 644 $$page $(call dest,$(MANDIR))/man$${page##*.}; \
	done
	$(Q)if [ -z '$(DESTDIR)' ]; then scripts/installed '$(LIBDIR)'; fi

uninstall: ## remove what install put there
	$(Q)rm -f $(call dest,$(BINDIR))/duet
	$(Q)for header in $(notdir $(HEADERS)); do rm -f $(call dest,$(INCLUDEDIR))/duet/$$header; done
	$(Q)if [ -d $(call dest,$(INCLUDEDIR))/duet ]; then \
		rmdir --ignore-fail-on-non-empty $(call dest,$(INCLUDEDIR))/duet; fi
	$(Q)for lib in $(LIBRARIES); do \
		rm -f $(call dest,$(LIBDIR))/$$lib.a $(call dest,$(LIBDIR))/$$lib.so* \
			$(call dest,$(LIBDIR))/pkgconfig/$$lib.pc; \
	done
	$(Q)for page in $(PAGES); do \
		rm -f $(call dest,$(MANDIR))/man$${page##*.}/$${page##*/}; done

clean: ## remove build/
	$(Q)rm -rf $(BUILD) compile_commands.json

# ---------------------------------------------------------------------------------- for developers

format: ## run clang-format over every C file
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

tidy: compdb ## clang-tidy over the libraries and the program (slow)
	$(Q)clang-tidy -quiet -p . $(CORE_SRC) $(COMPLETION_SRC) $(POLLING_SRC) $(REFERENCE_SRC) \
		$(COMPARE_SRC)

compdb: ## write compile_commands.json for editors
	$(Q)$(MAKE) -Bn V=1 objects | scripts/compdb '$(CURDIR)' >compile_commands.json

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s%s\n", $$1, $$2 }' Makefile
	@echo 'Variables: MODE=release|debug|asan|tsan|mutant|moves|ucontext V=1 WERROR=1 BPF=0 CC CFLAGS LDFLAGS PREFIX DESTDIR'
