/*
 * Pins which locks each call takes under each kernel preset, as counts of
 * acquisitions. Pins neither their order nor their length.
 *
 *   w  mmap_lock for writing      d  downgraded to reading
 *   r  ... for reading            v  the lock of an area, for reading
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "sim/mm/abi.h"
#include "sim/scenario/scenario.h"
#include "sim/tests/fixture_mm.h"

#define BASE 0x700000000000ULL
#define FAR (BASE + (1ULL << 32))
#define RW (ABI_PROT_READ | ABI_PROT_WRITE)
#define ANON (0x2 | ABI_MAP_ANONYMOUS)

enum { KERNELS = 8, CALLS_MAX = 64 };

static const char *const kernels[KERNELS] = {
	"linux-4.14", "linux-4.19", "linux-4.20", "linux-5.4", "linux-5.18",
	"linux-6.1", "linux-6.12", "linux-6.18",
};

static int64_t map(struct task *t, struct mmfix *x, uint64_t page, uint64_t n,
		   uint64_t flags)
{
	return sys_mmap(t, x->mm, BASE + page * PAGE, n * PAGE, RW, ANON | flags,
			false);
}

static void touch(struct task *t, struct mmfix *x, uint64_t page)
{
	struct fault f = { .addr = BASE + page * PAGE, .write = true,
			   .user = true };

	assert_int_equal(do_fault(t, x->mm, &f), 0);
}

/* -- the calls; the layout is `AAAA....CCDD`, A and C were written to -- */

static void maps(struct task *t, struct mmfix *x)
{
	map(t, x, 20, 2, 0);
}

static void maps_populated(struct task *t, struct mmfix *x)
{
	map(t, x, 20, 2, ABI_MAP_POPULATE);
}

static void maps_over(struct task *t, struct mmfix *x)
{
	map(t, x, 0, 4, ABI_MAP_FIXED);
}

static void unmaps(struct task *t, struct mmfix *x)
{
	sys_munmap(t, x->mm, BASE, 4 * PAGE);
}

static void unmaps_nothing(struct task *t, struct mmfix *x)
{
	sys_munmap(t, x->mm, BASE + 5 * PAGE, PAGE);
}

static void grows_heap(struct task *t, struct mmfix *x)
{
	sys_brk(t, x->mm, FAR, FAR + PAGE);
}

static void shrinks_heap(struct task *t, struct mmfix *x)
{
	sys_brk(t, x->mm, BASE + 4 * PAGE, BASE);
}

static void remaps_less(struct task *t, struct mmfix *x)
{
	sys_mremap(t, x->mm, BASE, 4 * PAGE, 2 * PAGE, 0, BASE);
}

static void remaps_more(struct task *t, struct mmfix *x)
{
	sys_mremap(t, x->mm, BASE, 4 * PAGE, 5 * PAGE, 0, BASE);
}

static void remaps_away(struct task *t, struct mmfix *x)
{
	sys_mremap(t, x->mm, BASE, 4 * PAGE, 4 * PAGE, ABI_MREMAP_MAYMOVE, FAR);
}

static void protects(struct task *t, struct mmfix *x)
{
	sys_mprotect(t, x->mm, BASE, 4 * PAGE, ABI_PROT_READ);
}

static void locks(struct task *t, struct mmfix *x)
{
	sys_mlock(t, x->mm, BASE, PAGE, true);
}

static void unlocks(struct task *t, struct mmfix *x)
{
	sys_mlock(t, x->mm, BASE, PAGE, false);
}

static void discards(struct task *t, struct mmfix *x)
{
	sys_madvise(t, x->mm, BASE, 2 * PAGE, ABI_MADV_DONTNEED);
}

static void lazily_frees(struct task *t, struct mmfix *x)
{
	sys_madvise(t, x->mm, BASE, 2 * PAGE, ABI_MADV_FREE);
}

static void discards_two(struct task *t, struct mmfix *x)
{
	sys_madvise(t, x->mm, BASE + 8 * PAGE, 4 * PAGE, ABI_MADV_DONTNEED);
}

static void cools(struct task *t, struct mmfix *x)
{
	sys_madvise(t, x->mm, BASE, PAGE, ABI_MADV_COLD);
}

static void populates(struct task *t, struct mmfix *x)
{
	sys_madvise(t, x->mm, BASE, PAGE, ABI_MADV_POPULATE_WRITE);
}

static void advises_huge(struct task *t, struct mmfix *x)
{
	sys_madvise(t, x->mm, BASE, 4 * PAGE, ABI_MADV_HUGEPAGE);
}

static void gets_pages(struct task *t, struct mmfix *x)
{
	do_gup(t, x->mm, BASE, 2);
}

static void reads_maps(struct task *t, struct mmfix *x)
{
	do_proc_read(t, x->mm, PROC_FILE_MAPS);
}

static void reads_smaps(struct task *t, struct mmfix *x)
{
	do_proc_read(t, x->mm, PROC_FILE_SMAPS);
}

static void reads_cmdline(struct task *t, struct mmfix *x)
{
	do_proc_read(t, x->mm, PROC_FILE_CMDLINE);
}

static void faults(struct task *t, struct mmfix *x)
{
	touch(t, x, 2);
}

static void faults_first(struct task *t, struct mmfix *x)
{
	touch(t, x, 10);
}

static void grows_stack(struct task *t, struct mmfix *x)
{
	touch(t, x, 1000 - 4);
}

static void forks(struct task *t, struct mmfix *x)
{
	struct mm *child;

	assert_int_equal(do_fork(t, x->mm, 2, &child), 0);
	script_of(t)->mm = child;
}

static void exits(struct task *t, struct mmfix *x)
{
	do_exit_mm(t, x->mm);
}

static void execs(struct task *t, struct mmfix *x)
{
	struct mm *fresh;

	do_exec(t, x->mm, 9, &fresh);
	script_of(t)->mm = fresh;
}

/** struct call - a call, and what it takes under each of @kernels; NULL: as the
 *  one before */
struct call {
	const char *name;
	void (*fn)(struct task *t, struct mmfix *x);
	const char *takes[KERNELS];
};

static const struct call calls[] = {
	/*                   4.14 4.19 4.20 5.4 5.18 6.1 6.12 6.18 */
	{ "mmap", maps, { "w" } },
	{ "mmap, populated", maps_populated, { "wr" } },
	{ "mmap over pages", maps_over, { "w" } },
	{ "munmap", unmaps, { "w", NULL, "wd" } },
	{ "munmap of nothing", unmaps_nothing, { "w" } },
	{ "brk up", grows_heap, { "w" } },
	{ "brk down", shrinks_heap, { "w", NULL, "wd" } },
	{ "mremap, less", remaps_less, { "w", NULL, "wd" } },
	{ "mremap, more", remaps_more, { "w" } },
	{ "mremap, away", remaps_away, { "w" } },
	{ "mprotect", protects, { "w" } },
	{ "mlock", locks, { "wr" } },
	{ "munlock", unlocks, { "w" } },
	{ "MADV_DONTNEED", discards,
	  { "r", NULL, NULL, NULL, NULL, NULL, NULL, "v" } },
	{ "MADV_FREE", lazily_frees,
	  { "r", NULL, NULL, NULL, NULL, NULL, NULL, "v" } },
	{ "MADV_DONTNEED of two areas", discards_two,
	  { "r", NULL, NULL, NULL, NULL, NULL, NULL, "rv" } },
	{ "MADV_COLD", cools, { "r" } },
	{ "MADV_POPULATE_WRITE", populates, { "r" } },
	{ "MADV_HUGEPAGE", advises_huge, { "w" } },
	{ "GUP", gets_pages, { "r" } },
	/* four areas; 6.17 takes each one's lock */
	{ "/proc maps", reads_maps,
	  { "r", NULL, NULL, NULL, NULL, NULL, NULL, "vvvv" } },
	{ "/proc smaps", reads_smaps, { "r" } },
	{ "/proc cmdline", reads_cmdline, { "rrr", "r", NULL, "rr" } },
	{ "fault", faults, { "r", NULL, NULL, NULL, NULL, NULL, "v" } },
	/* 6.10: mmap_lock, if it is free, for the anon_vma */
	{ "first fault of an area", faults_first,
	  { "r", NULL, NULL, NULL, NULL, NULL, "rv" } },
	/* 6.5: let go, taken for writing, downgraded */
	{ "stack growth", grows_stack,
	  { "r", NULL, NULL, NULL, NULL, NULL, "rwd" } },
	/* parent and child */
	{ "fork", forks, { "ww" } },
	/* exit_mm, then exit_mmap: under no lock, all written, pages read */
	{ "exit", exits,
	  { "r", NULL, NULL, NULL, "rw", "rrw" } },
	/* the fresh mm, exec_mmap of the old one, its exit_mmap */
	{ "exec", execs,
	  { "wr", NULL, NULL, NULL, "wrw", "wrrw" } },
};

static void layout(struct task *t, struct mmfix *x)
{
	mmfix_op(t, 0);
	map(t, x, 0, 4, 0);
	map(t, x, 8, 2, 0);
	touch(t, x, 0);
	touch(t, x, 8);
	/* never writable, so that it does not merge with C */
	sys_mmap(t, x->mm, BASE + 10 * PAGE, 2 * PAGE, RW,
		 ANON | ABI_MAP_NORESERVE, false);
	mm_start_area(x->mm, (struct range){ BASE + 1000 * PAGE,
					     BASE + 1002 * PAGE },
		      1 << 0 | 1 << 1 | 1 << 5, 0);
}

/** struct tally - acquisitions so far */
struct tally {
	uint64_t w, r, d, v;
};

static struct tally tally(const struct mmfix *x)
{
	const struct lock_class *mmap = x->k->mmap_lock_class;
	const struct lock_class *vma = x->k->vma_lock_class;
	uint64_t d = mmfix_counter(x, COUNT_MMAP_DOWNGRADE);

	/* a downgrade is booked as an acquisition for reading */
	return (struct tally){ mmap->side[SIDE_WRITE].acquired,
			       mmap->side[SIDE_READ].acquired - d, d,
			       vma ? vma->side[SIDE_READ].acquired : 0 };
}

static char *put(char *at, char c, uint64_t n)
{
	while (n--)
		*at++ = c;
	*at = '\0';
	return at;
}

/** struct took - what each call took under one kernel */
struct took {
	char by[CALLS_MAX][32];
};

enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

static void leave(struct task *t, struct mm *mm)
{
	if (t->address_space == mm)
		task_attach_mm(t, NULL);
	mmput(t, mm);
	settle(t);
	mm_forget(mm);
}

static void do_call(struct task *t, struct mmfix *x, const struct call *c,
		    char *at)
{
	struct tally before, after;
	struct mm *mm = x->mm;

	layout(t, x);
	before = tally(x);
	mmfix_op(t, 1);
	script_of(t)->mm = NULL;
	c->fn(t, x);
	settle(t);
	after = tally(x);
	at = put(at, 'w', after.w - before.w);
	at = put(at, 'r', after.r - before.r);
	at = put(at, 'v', after.v - before.v);
	put(at, 'd', after.d - before.d);
	if (script_of(t)->mm)		/* a child, or the fresh one */
		leave(t, script_of(t)->mm);
	if (mm->users)
		leave(t, mm);
	else
		mm_forget(mm);
}

/* Each call in an address space of its own. */
static void do_calls(struct task *t, struct mmfix *x)
{
	struct took *took = x->arg;
	struct mm *first = x->mm;

	for (size_t i = 0; i < CALLS; i++) {
		x->mm = mm_new(x->k, (uint32_t)i + 10);
		task_attach_mm(t, x->mm);
		do_call(t, x, &calls[i], took->by[i]);
	}
	x->mm = first;
}

/* Each letter as often, in whatever order. */
static bool same_letters(const char *a, const char *b)
{
	static const char letters[] = "wrvd";
	bool same = true;

	for (size_t i = 0; letters[i]; i++) {
		unsigned n = 0, m = 0;

		for (const char *c = a; *c; c++)
			n += *c == letters[i];
		for (const char *c = b; *c; c++)
			m += *c == letters[i];
		same &= n == m;
	}
	return same;
}

static void run_kernel(const struct kernel_config *cfg, struct took *took)
{
	struct mmfix x;

	memset(took, 0, sizeof(*took));
	mmfix_config(&x, 1);
	x.cfg = *cfg;
	x.cfg.thp = 0;
	x.arg = took;
	mmfix_open(&x, 1);
	mmfix_task(&x, 0, do_calls);
	mmfix_run(&x);
	mmfix_close(&x);
}

static void t_locks_of_calls(void **state)
{
	struct arena arena = { 0 };
	struct errbuf e = { 0 };
	struct took took;

	(void)state;
	for (size_t k = 0; k < KERNELS; k++) {
		struct kernel_config cfg = { 0 };
		const char **stands_in;

		if (preset_load(kernels[k], &cfg, &arena, &stands_in, &e))
			fail_msg("%s", e.text);
		run_kernel(&cfg, &took);
		for (size_t i = 0; i < CALLS; i++) {
			const char *want = NULL;

			for (size_t j = 0; j <= k; j++)
				if (calls[i].takes[j])
					want = calls[i].takes[j];
			if (!same_letters(took.by[i], want))
				fail_msg("%s on %s takes %s, expected %s",
					 calls[i].name, kernels[k], took.by[i],
					 want);
		}
	}
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_locks_of_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
