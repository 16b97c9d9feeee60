#ifndef MMREPLAY_TESTS_FIXTURE_MM_H
#define MMREPLAY_TESTS_FIXTURE_MM_H

#include "sim/mm/mm.h"
#include "sim/policy/registry.h"
#include "sim/tests/fixture_machine.h"

/*
 * A simulated kernel for tests: a machine with round costs, policies by name,
 * scripted tasks, and text pictures of an address space.
 */

enum { SCRIPT_TASKS_MAX = 16, PAGE = 4096 };

struct mmfix;

/** struct script - a task that runs fn(t, x) in a fiber, then exits */
struct script {
	struct task task;
	struct mmfix *x;
	void (*fn)(struct task *t, struct mmfix *x);
	struct kop op;
	bool done;
	unsigned n;		/* for the script's own use */
	struct mm *mm;
};

struct mmfix {
	struct fixture f;
	struct kernel *k;
	struct kernel_config cfg;
	struct mm *mm;		/* the first address space */
	struct script script[SCRIPT_TASKS_MAX];
	unsigned scripts;
	uint32_t check_every;	/* events between two kernel_check(); 0: never */
	uint32_t events;
	void *arg;
};

/** mmfix_config() - linux-6.12 as far as it is built, on @cpus CPUs */
void mmfix_config(struct mmfix *x, uint32_t cpus);
/** mmfix_policy() - another value on one axis; the test fails if unknown */
void mmfix_policy(struct mmfix *x, enum axis a, const char *name);
/** mmfix_bottlenecks() - switch all of them on; off they are as configured */
void mmfix_bottlenecks(struct mmfix *x);
void mmfix_open(struct mmfix *x, uint64_t seed);
void mmfix_close(struct mmfix *x);

/** mmfix_task() - a task in x->mm that runs @fn from @start_ns */
struct script *mmfix_task(struct mmfix *x, int64_t start_ns,
			  void (*fn)(struct task *t, struct mmfix *x));
void mmfix_run(struct mmfix *x);

/** mmfix_op() - a fresh op context for the next call of @t */
void mmfix_op(struct task *t, uint8_t kind);
uint64_t mmfix_counter(const struct mmfix *x, enum kernel_counter c);

/** picture() - areas of @mm from @base, one character a page:
 *  letters change from area to area, upper case resident, '.' no area */
const char *picture(const struct mm *mm, uint64_t base, unsigned pages,
		    char *buf);

struct script *script_of(struct task *t);

#endif
