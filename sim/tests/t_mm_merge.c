/*
 * Pins the shapes of vma_merge() and of splitting, one row and one picture
 * each, under every kind of lock; and which areas with an anon_vma merge, by
 * kernel version. Pins no costs.
 *
 * A character is a page: `.` none, `w` writable, `r` read-only since mprotect,
 * `n` never writable; upper case was written to. After the operation letters
 * change from area to area.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <ctype.h>
#include <cmocka.h>
#include "sim/mm/abi.h"
#include "sim/tests/fixture_mm.h"

#define BASE 0x700000000000ULL
#define READ ABI_PROT_READ
#define RW (ABI_PROT_READ | ABI_PROT_WRITE)
#define ANON (0x2 | ABI_MAP_ANONYMOUS)

enum { LONGEST = 16 };

/** struct shape - one call on one layout */
struct shape {
	const char *name, *before;
	enum { MAP, PROTECT, UNMAP } call;
	unsigned page, pages;
	uint64_t prot;
	const char *after;
	unsigned merged, split, freed;	/* merges, splits, areas that went */
};

static const struct shape shapes[] = {
	/* the eight of vma_merge(), by their numbers in mm/mmap.c */
	{ "1: a new range closes a gap",
	  "ww..ww", MAP, 2, 2, RW,
	  "aaaaaa", 1, 0, 1 },
	{ "2: a new range behind",
	  "ww..rr", MAP, 2, 2, RW,
	  "aaaabb", 1, 0, 0 },
	{ "3: a new range before",
	  "rr..ww", MAP, 2, 2, RW,
	  "aabbbb", 1, 0, 0 },
	{ "4: the tail of an area goes to the next",
	  "wwwwrr", PROTECT, 2, 2, READ,
	  "aabbbb", 1, 0, 0 },
	{ "5: the head of an area goes to the one before",
	  "rrwwww", PROTECT, 2, 2, READ,
	  "aaaabb", 1, 0, 0 },
	{ "6: an area between two that fit",
	  "rrwwrr", PROTECT, 2, 2, READ,
	  "aaaaaa", 1, 0, 2 },
	{ "7: an area that fits the one before",
	  "rrww..", PROTECT, 2, 2, READ,
	  "aaaa..", 1, 0, 1 },
	{ "8: an area that fits the next",
	  "..wwrr", PROTECT, 2, 2, READ,
	  "..aaaa", 1, 0, 1 },
	/* no neighbour fits */
	{ "a new range by itself",
	  "rr..rr", MAP, 2, 2, RW,
	  "aabbcc", 0, 0, 0 },
	{ "a whole area changes",
	  "..ww..", PROTECT, 2, 2, READ,
	  "..aa..", 0, 0, 0 },
	{ "a gap between: no neighbour",
	  "w.w.w.", PROTECT, 2, 1, READ,
	  "a.b.c.", 0, 0, 0 },
	{ "split once, the head changes",
	  "wwwwww", PROTECT, 0, 2, READ,
	  "aabbbb", 0, 1, 0 },
	{ "split once, the tail changes",
	  "wwwwww", PROTECT, 4, 2, READ,
	  "aaaabb", 0, 1, 0 },
	{ "split twice, the middle changes",
	  "wwwwww", PROTECT, 2, 2, READ,
	  "aabbcc", 0, 2, 0 },
	{ "over areas: tail, whole, head",
	  "wwrrww", PROTECT, 1, 4, READ,
	  "abbbbc", 2, 0, 0 },
	{ "a hole in the middle",
	  "wwwwww", UNMAP, 2, 2, 0,
	  "aa..bb", 0, 2, 1 },
	{ "tail, whole and head go",
	  "wwrrww", UNMAP, 1, 4, 0,
	  "a....b", 0, 2, 3 },
	{ "what was one is one again",
	  "wwrwww", PROTECT, 2, 1, RW,
	  "aaaaaa", 1, 0, 2 },
	{ "what could never be written to is not accounted",
	  "wwwwnn", PROTECT, 2, 2, READ,
	  "aabbcc", 0, 1, 0 },
	{ "6, one side only",
	  "nnwwrr", PROTECT, 2, 2, READ,
	  "aabbbb", 1, 0, 1 },
	/* pages that are there move with their area */
	{ "5, written to",
	  "rrWWww", PROTECT, 2, 1, READ,
	  "aaBCcc", 0, 1, 0 },
	{ "2, written to",
	  "WW..rr", MAP, 2, 2, RW,
	  "AAaabb", 1, 0, 0 },
	{ "3, written to",
	  "rr..WW", MAP, 2, 2, RW,
	  "aabbBB", 1, 0, 0 },
	/* 1 with two anon_vmas: only the one before */
	{ "1, both written to",
	  "WW..WW", MAP, 2, 2, RW,
	  "AAaaBB", 1, 0, 0 },
	{ "1, one written to",
	  "ww..WW", MAP, 2, 2, RW,
	  "aaaaAA", 1, 0, 1 },
};

/** struct run - a row under one set of policies */
struct run {
	const struct shape *s;
	uint64_t merged, split, freed;
};

static int64_t call_of(struct task *t, struct mm *mm, unsigned call,
		       unsigned page, unsigned pages, uint64_t prot)
{
	uint64_t at = BASE + page * (uint64_t)PAGE, len = pages * (uint64_t)PAGE;

	mmfix_op(t, 0);
	if (call == MAP)
		return sys_mmap(t, mm, at, len, prot, ANON, false);
	if (call == PROTECT)
		return sys_mprotect(t, mm, at, len, prot);
	return sys_munmap(t, mm, at, len);
}

static void write_to(struct task *t, struct mm *mm, unsigned page)
{
	struct fault f = { .addr = BASE + page * (uint64_t)PAGE, .write = true,
			   .user = true };

	mmfix_op(t, 7);
	assert_int_equal(do_fault(t, mm, &f), 0);
}

static unsigned run_length(const char *at, const char *set)
{
	return (unsigned)strspn(at, set);
}

/* Mapped writable, then narrowed: an area that could be written to stays
 * accounted (VM_ACCOUNT), and merges with its like only. */
static void build(struct task *t, struct mm *mm, const char *before)
{
	unsigned n;

	for (unsigned i = 0; before[i]; i += n ? n : 1) {
		n = run_length(before + i, "rwRW");
		if (n)
			call_of(t, mm, MAP, i, n, RW);
	}
	for (unsigned i = 0; before[i]; i += n ? n : 1) {
		n = run_length(before + i, "n");
		if (n)
			call_of(t, mm, MAP, i, n, READ);
	}
	for (unsigned i = 0; before[i]; i += n ? n : 1) {
		n = run_length(before + i, "rR");
		if (n)
			call_of(t, mm, PROTECT, i, n, READ);
	}
	for (unsigned i = 0; before[i]; i++)
		if (isupper(before[i]))
			write_to(t, mm, i);
}

static void assert_drawn(const struct mm *mm, const char *name,
			 const char *want)
{
	char drawn[LONGEST + 1];

	picture(mm, BASE, (unsigned)strlen(want), drawn);
	if (strcmp(drawn, want))
		fail_msg("%s: %s, expected %s", name, drawn, want);
}

static void do_shape(struct task *t, struct mmfix *x)
{
	struct run *r = x->arg;
	const struct shape *s = r->s;
	uint64_t areas;

	build(t, x->mm, s->before);
	areas = mm_vma_count(x->mm);
	r->merged = mmfix_counter(x, COUNT_VMA_MERGED);
	r->split = mmfix_counter(x, COUNT_VMA_SPLIT);
	if (call_of(t, x->mm, s->call, s->page, s->pages, s->prot) < 0)
		fail_msg("%s: the call failed", s->name);
	r->merged = mmfix_counter(x, COUNT_VMA_MERGED) - r->merged;
	r->split = mmfix_counter(x, COUNT_VMA_SPLIT) - r->split;
	/* a new area is one more if it did not merge */
	r->freed = areas + r->split + (s->call == MAP && !r->merged) -
		   mm_vma_count(x->mm);
	assert_drawn(x->mm, s->name, s->after);
}

static void lock_choice(struct mmfix *x, const char *mm_lock)
{
	mmfix_policy(x, AXIS_MM_LOCK, mm_lock);
	if (!strcmp(mm_lock, "mm-wide")) {
		mmfix_policy(x, AXIS_VMA_INDEX, "rbtree");
		mmfix_policy(x, AXIS_FORK_COPY, "rbtree");
		mmfix_policy(x, AXIS_VMA_FREE, "immediate");
	}
	if (!strcmp(mm_lock, "per-vma-refcnt"))
		mmfix_policy(x, AXIS_VMA_FREE, "typesafe");
}

static void t_shapes(void **state)
{
	static const char *const locks[] = { "mm-wide", "per-vma",
					     "per-vma-refcnt", "range",
					     "speculative" };

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		for (size_t l = 0; l < sizeof(locks) / sizeof(locks[0]); l++) {
			struct run r = { .s = &shapes[i] };
			struct mmfix x;

			mmfix_config(&x, 1);
			lock_choice(&x, locks[l]);
			x.check_every = 1;
			x.arg = &r;
			mmfix_open(&x, 1);
			mmfix_task(&x, 0, do_shape);
			mmfix_run(&x);
			mmfix_close(&x);
			if (r.merged != r.s->merged || r.split != r.s->split ||
			    r.freed != r.s->freed)
				fail_msg("%s under %s: %u merged, %u split, %u gone",
					 r.s->name, locks[l], (unsigned)r.merged,
					 (unsigned)r.split, (unsigned)r.freed);
		}
}

/* ---- anon_vma ---- */

static uint32_t anon_at(const struct mm *mm, unsigned page)
{
	return vma_containing(mm, BASE + page * (uint64_t)PAGE)->anon_vma;
}

/* The halves of a split share it, so they merge again; a part that has been
 * written to beside one that has not. */
static void keeps_anon_vma(struct task *t, struct mmfix *x)
{
	build(t, x->mm, "wWwwWw");
	call_of(t, x->mm, PROTECT, 2, 2, READ);
	assert_drawn(x->mm, "split", "aAbbCc");
	assert_int_equal(anon_at(x->mm, 0), anon_at(x->mm, 2));
	assert_int_equal(anon_at(x->mm, 0), anon_at(x->mm, 5));
	call_of(t, x->mm, PROTECT, 2, 2, RW);
	assert_drawn(x->mm, "merged", "aAaaAa");
	/* a neighbour that was never written to takes it along */
	call_of(t, x->mm, MAP, 6, 2, RW);
	assert_drawn(x->mm, "grown", "aAaaAaaa");
	/* a first fault beside a fitting area takes that one's, whatever it
	 * may not yet do (find_mergeable_anon_vma) ... */
	call_of(t, x->mm, MAP, 10, 1, READ);
	call_of(t, x->mm, MAP, 11, 1, RW);
	write_to(t, x->mm, 11);
	call_of(t, x->mm, PROTECT, 10, 1, RW);
	assert_drawn(x->mm, "taken", "aAaaAaaa..bB");
	assert_true(anon_at(x->mm, 11) != anon_at(x->mm, 0));
	/* ... and a read makes none */
	call_of(t, x->mm, MAP, 13, 1, READ);
	assert_int_equal(anon_at(x->mm, 13), 0);
}

/* A page written to goes to a neighbour without anon_vma since 6.16. */
static void joins_untouched(struct task *t, struct mmfix *x)
{
	bool may = x->cfg.version >= 6016000;

	build(t, x->mm, "rrWWrr");
	call_of(t, x->mm, PROTECT, 2, 2, READ);
	assert_drawn(x->mm, "both sides", may ? "aaAAaa" : "aaBBcc");
	assert_int_equal(anon_at(x->mm, 0) != 0, may);
}

/* An area that came by fork merges with nothing that has none: its pages may
 * be a relative's. */
static void inherited(struct task *t, struct mmfix *x)
{
	struct mm *child;

	build(t, x->mm, "rrWW.WW");
	mmfix_op(t, 8);
	assert_int_equal(do_fork(t, x->mm, 2, &child), 0);
	call_of(t, child, MAP, 4, 1, RW);
	assert_drawn(child, "a new one beside", "aaBBcDD");
	call_of(t, child, PROTECT, 2, 2, READ);
	assert_drawn(child, "a changed one", "aaBBcDD");
	/* the parent's is its own */
	call_of(t, x->mm, MAP, 4, 1, RW);
	assert_drawn(x->mm, "the parent", "aaBBbCC");
	mmfix_op(t, 11);
	mmput(t, child);
	settle(t);
	mm_forget(child);
}

static void run_version(void (*fn)(struct task *t, struct mmfix *x),
			uint32_t version)
{
	struct mmfix x;

	mmfix_config(&x, 1);
	x.cfg.version = version;
	x.check_every = 1;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, fn);
	mmfix_run(&x);
	mmfix_close(&x);
}

static void t_anon_vma(void **state)
{
	static const uint32_t versions[] = { 6012000, 6016000 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		run_version(keeps_anon_vma, versions[i]);
		run_version(joins_untouched, versions[i]);
		run_version(inherited, versions[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_shapes),
		cmocka_unit_test(t_anon_vma),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
