/*
 * Pins that each second bottleneck binds under a load made for it, that its
 * switch (bottlenecks.KEY) takes the waiting away and no work, that what is
 * private makes no event, and that each rule's mutation turns exactly its own
 * row red. Pins no waits in ns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "sim/machine/mutation.h"
#include "sim/mm/abi.h"
#include "sim/mm/resource.h"
#include "sim/tests/fixture_mm.h"

#define BASE 0x700000000000ULL
#define RW (ABI_PROT_READ | ABI_PROT_WRITE)
#define ANON (0x2 | ABI_MAP_ANONYMOUS)

enum { CPUS = 4 };

static struct mm *own_mm(struct task *t, struct mmfix *x)
{
	struct script *s = script_of(t);

	return s->mm ? s->mm : x->mm;
}

static void touch(struct task *t, struct mmfix *x, uint64_t addr)
{
	struct fault f = { .addr = addr, .write = true, .user = true };

	mmfix_op(t, 7);
	assert_int_equal(do_fault(t, own_mm(t, x), &f), 0);
}

static void map_once(struct task *t, struct mmfix *x, uint64_t addr,
		     uint64_t len)
{
	mmfix_op(t, 0);
	assert_true(sys_mmap(t, own_mm(t, x), addr, len, RW, ANON, false) > 0);
	mmfix_op(t, 7);
}

static uint64_t nr(struct task *t, struct mmfix *x)
{
	return (uint64_t)(script_of(t) - x->script);
}

/* Everyone starts to touch at 1 ms; what is mapped before takes less. */
static void same_table(struct task *t, struct mmfix *x)
{
	uint64_t n = nr(t, x);

	if (!n)
		map_once(t, x, BASE, 512 * PAGE);
	task_sleep_until(t, 1000000);
	for (uint64_t i = 0; i < 32; i++)
		touch(t, x, BASE + (i * CPUS + n) * PAGE);
}

static void own_tables(struct task *t, struct mmfix *x)
{
	uint64_t n = nr(t, x);

	if (!n)
		map_once(t, x, BASE, CPUS * PMD_BYTES);
	task_sleep_until(t, 1000000);
	for (uint64_t i = 0; i < 32; i++)
		touch(t, x, BASE + n * PMD_BYTES + i * PAGE);
}

static void upper_tables(struct task *t, struct mmfix *x)
{
	uint64_t n = nr(t, x);

	if (!n)
		map_once(t, x, BASE, CPUS * pt_span_bytes[1]);
	task_sleep_until(t, 1000000);
	touch(t, x, BASE + n * pt_span_bytes[1]);
}

static void process_faults(struct task *t, struct mmfix *x)
{
	map_once(t, x, BASE, 300 * PAGE);
	task_sleep_until(t, 1000000);
	for (uint64_t i = 0; i < 300; i++)
		touch(t, x, BASE + i * PAGE);
}

static void process_frees(struct task *t, struct mmfix *x)
{
	process_faults(t, x);
	task_sleep_until(t, 2000000);
	mmfix_op(t, 1);
	sys_munmap(t, own_mm(t, x), BASE, 300 * PAGE);
}

static void process_maps(struct task *t, struct mmfix *x)
{
	task_sleep_until(t, 1000000);
	for (uint64_t i = 0; i < 100; i++)
		map_once(t, x, BASE + 2 * i * PAGE, PAGE);
}

/* Areas of the first task, each touched if anonymous, and a relative by fork for
 * every other task, which goes there. */
static void family(struct task *t, struct mmfix *x, bool file)
{
	struct script *s = script_of(t);

	if (nr(t, x)) {
		task_sleep_until(t, 3000000);
		task_attach_mm(t, s->mm);
		return;
	}
	for (uint64_t i = 0; i < 20; i++) {
		mmfix_op(t, 0);
		sys_mmap(t, s->mm, BASE + 8 * i * PAGE, 4 * PAGE, RW,
			 file ? ABI_MAP_SHARED : ANON, file);
		if (!file)
			touch(t, x, BASE + 8 * i * PAGE);
	}
	for (unsigned i = 1; i < x->scripts; i++) {
		mmfix_op(t, 2);
		do_fork(t, s->mm, 20 + i, &x->script[i].mm);
	}
	task_sleep_until(t, 3000000);
}

static void family_splits(struct task *t, struct mmfix *x)
{
	family(t, x, false);
	for (uint64_t i = 0; i < 20; i++) {
		mmfix_op(t, 3);
		sys_mprotect(t, own_mm(t, x), BASE + (8 * i + 2) * PAGE, PAGE,
			     ABI_PROT_READ);
	}
}

static void family_unmaps(struct task *t, struct mmfix *x)
{
	family(t, x, true);
	mmfix_op(t, 1);
	sys_munmap(t, own_mm(t, x), BASE, 160 * PAGE);
}

struct row {
	const char *lock;		/* NULL: by makespan */
	enum mutation off;
	void (*load)(struct task *t, struct mmfix *x);
	bool processes;			/* an mm each */
	size_t key;			/* of the switch */
	unsigned cost;			/* made large for this row */
};

#define KEY(member) offsetof(struct bottlenecks, member)

static const struct row rows[] = {
	{ "ptl", MUTATE_NO_PTL, same_table, false, KEY(page_table_lock),
	  COST_PTE_LOCKED },
	{ "page_table_lock", MUTATE_NO_PTL, upper_tables, false,
	  KEY(page_table_lock), COST_PTE_LOCKED },
	{ "zone_lock", MUTATE_NO_ZONE_LOCK, process_faults, true,
	  KEY(zone_lock), COST_ZONE_PAGE },
	{ "zone_lock", MUTATE_NO_ZONE_LOCK, process_frees, true,
	  KEY(zone_lock), COST_ZONE_PAGE },
	{ "lru_lock", MUTATE_NO_LRU_LOCK, process_faults, true,
	  KEY(lru_lock), COST_LRU_FOLIO },
	{ "lru_lock", MUTATE_NO_LRU_LOCK, process_frees, true,
	  KEY(lru_lock), COST_LRU_FOLIO },
	{ "list_lock", MUTATE_NO_LIST_LOCK, process_maps, true,
	  KEY(list_lock), COST_SLAB_LIST },
	{ "memory_bandwidth", MUTATE_NO_BANDWIDTH, process_faults, true,
	  KEY(memory_bandwidth), COST_MEMORY_4K },
	{ "anon_vma", MUTATE_NO_ANON_VMA, family_splits, false,
	  KEY(anon_vma_lock), COST_ANON_VMA_LOCKED },
	{ "i_mmap_rwsem", MUTATE_NO_I_MMAP, family_unmaps, false,
	  KEY(i_mmap_lock), COST_I_MMAP_LOCKED },
	{ NULL, MUTATE_NO_MEMCG, process_faults, true, KEY(memcg_charge),
	  COST_XFER_LLC },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

struct outcome {
	uint64_t acquired, contended, contacts;
	int64_t waited_ns, end_ns, blamed_ns, class_ns;
};

static struct outcome run_row(const struct row *row, unsigned tasks, bool on,
			      void (*load)(struct task *t, struct mmfix *x))
{
	struct outcome o = { 0 };
	struct lock_class *c;
	struct mmfix x;

	mmfix_config(&x, CPUS);
	mmfix_bottlenecks(&x);
	*((bool *)&x.cfg.bottlenecks + row->key) = on;
	/* zeroing a page takes 100: one CPU alone does not fill the memory */
	fixture_cost(&x.f, row->cost, row->cost == COST_MEMORY_4K ? 80 : 150);
	x.check_every = 50;
	mmfix_open(&x, 1);
	for (unsigned i = 0; i < tasks; i++) {
		struct script *s = mmfix_task(&x, 0, load);

		s->task.affinity = i + 1;
		if (row->processes) {
			s->mm = mm_new(x.k, 10 + i);
			task_attach_mm(&s->task, s->mm);
		}
	}
	mmfix_run(&x);
	o.contacts = x.f.m.contacts;
	o.end_ns = x.f.m.end_ns;
	if (row->lock) {
		c = metrics_lock(x.f.metrics, row->lock, false);
		o.acquired = c->side[SIDE_WRITE].acquired;
		o.contended = c->side[SIDE_WRITE].contended;
		o.waited_ns = (int64_t)c->side[SIDE_WRITE].wait_ns.sum;
		for (int i = 0; i < METRIC_OPS_MAX * METRIC_OPS_MAX; i++)
			o.blamed_ns += c->blame_ns ? c->blame_ns[i] : 0;
	}
	mmfix_close(&x);
	return o;
}

static bool binds(const struct row *row)
{
	struct outcome on = run_row(row, CPUS, true, row->load);

	if (!row->lock)
		return on.end_ns > run_row(row, CPUS, false, row->load).end_ns;
	return on.contended > 0 && on.waited_ns > 0 &&
	       on.blamed_ns == on.waited_ns;
}

static void t_each_binds(void **state)
{
	(void)state;
	for (int i = 0; i < ROWS; i++) {
		if (!binds(&rows[i]))
			fail_msg("row %d (%s): nobody waits", i,
				 rows[i].lock ? rows[i].lock : "memcg");
		assert_int_equal(run_row(&rows[i], CPUS, false,
					 rows[i].load).contended, 0);
	}
}

/* A mutation takes away its own row, and no other. */
static void t_mutations(void **state)
{
	(void)state;
	for (int i = 0; i < ROWS; i++) {
		const struct row *other = &rows[(i + 2) % ROWS];

		mmreplay_mutation = rows[i].off;
		assert_false(binds(&rows[i]));
		assert_true(binds(other) == (other->off != rows[i].off));
		mmreplay_mutation = MUTATE_NONE;
	}
}

/* Split: tables of their own have locks of their own. */
static void t_split(void **state)
{
	struct outcome o = run_row(&rows[0], CPUS, true, own_tables);

	(void)state;
	assert_true(o.acquired >= CPUS * 32);
	assert_true(o.contended < CPUS);	/* linking the tables themselves */
}

/* One task: no lock of page tables is taken, no contact is made, and the parts
 * under locks are parts: the time is the same but for atomics and what is left
 * in batches. */
static void t_private_is_free(void **state)
{
	(void)state;
	for (int i = 0; i < ROWS; i++) {
		struct outcome on = run_row(&rows[i], 1, true, rows[i].load);
		struct outcome off = run_row(&rows[i], 1, false, rows[i].load);

		assert_int_equal(on.contended, 0);
		if (rows[i].off == MUTATE_NO_PTL ||
		    rows[i].off == MUTATE_NO_I_MMAP ||
		    rows[i].off == MUTATE_NO_ANON_VMA)
			assert_int_equal(on.acquired, 0);
		assert_in_range(on.contacts, off.contacts,
				off.contacts + off.contacts / 4);
	}
}

/* The lists of a CPU: a batch a refill, a drain above high. */
static void t_batches(void **state)
{
	struct outcome zone = run_row(&rows[2], 1, true, process_faults);
	struct outcome lru = run_row(&rows[4], 1, true, process_faults);

	(void)state;
	assert_int_equal(zone.acquired, (300 + 62) / 63);
	assert_int_equal(lru.acquired, 300 / 31);
	zone = run_row(&rows[2], 1, true, process_frees);
	lru = run_row(&rows[4], 1, true, process_frees);
	/* 15 on the list and 300 back: below 378, nothing goes to the zone */
	assert_int_equal(zone.acquired, (300 + 62) / 63);
	/* ... the rest of the batch is drained, and 32 folios a section */
	assert_int_equal(lru.acquired, 300 / 31 + 1 + (300 + 31) / 32);
}

/* What has been asked for so far: roots of anon_vmas, and files. */
static void expect_sections(struct task *t, unsigned anon, unsigned file)
{
	struct metrics *m = t->m->metrics;

	assert_int_equal(metrics_lock(m, "anon_vma", true)
			 ->side[SIDE_WRITE].acquired, anon);
	assert_int_equal(metrics_lock(m, "i_mmap_rwsem", true)
			 ->side[SIDE_WRITE].acquired, file);
}

static void protect(struct task *t, struct mmfix *x, uint64_t page,
		    uint64_t prot)
{
	mmfix_op(t, 3);
	assert_int_equal(sys_mprotect(t, x->mm, BASE + page * PAGE, PAGE, prot),
			 0);
}

/*
 *   page   0123456789 .. 16   20      27
 *          ffffffffff .. f    aaaaaaaa
 *                                ^ read only: two splits, later two merges
 */
static void sections_of_ops(struct task *t, struct mmfix *x)
{
	bool batched = x->cfg.version >= 6011000;
	struct mm *child;

	mmfix_op(t, 0);
	sys_mmap(t, x->mm, BASE, 17 * PAGE, RW, ABI_MAP_SHARED, true);
	map_once(t, x, BASE + 20 * PAGE, 8 * PAGE);
	touch(t, x, BASE + 20 * PAGE);
	expect_sections(t, 0, 0);		/* private: nobody can ask */
	mmfix_op(t, 2);
	assert_int_equal(do_fork(t, x->mm, 9, &child), 0);
	expect_sections(t, 2, 1);		/* clone, link; file's tree */
	protect(t, x, 23, ABI_PROT_READ);
	expect_sections(t, 6, 1);		/* twice: clone, bounds */
	protect(t, x, 23, RW);
	expect_sections(t, 9, 1);		/* bounds, two leave */
	mmfix_op(t, 4);
	sys_mremap(t, x->mm, BASE + 20 * PAGE, 8 * PAGE, 8 * PAGE,
		   ABI_MREMAP_MAYMOVE | ABI_MREMAP_FIXED, BASE + 40 * PAGE);
	expect_sections(t, 11, 1);		/* copy, old one leaves */
	mmfix_op(t, 1);
	sys_munmap(t, x->mm, BASE + 40 * PAGE, 8 * PAGE);
	expect_sections(t, 12, 1);
	for (uint64_t i = 1; i < 17; i += 2)
		protect(t, x, i, ABI_PROT_READ);
	expect_sections(t, 12, 17);		/* sixteen splits */
	mmfix_op(t, 1);
	sys_munmap(t, x->mm, BASE, 17 * PAGE);
	expect_sections(t, 12, 17 + (batched ? 3 : 17));
	mmfix_op(t, 5);
	mmput(t, child);
	sys_exit(t, 0);
	expect_sections(t, 13, 18 + (batched ? 3 : 17));
}

/* Each change of an area's place in the trees is one section, as often as the
 * kernel locks; eight neighbours of a file are one since 6.11. */
static void t_reverse_map_sections(void **state)
{
	static const uint32_t version[] = { 6010000, 6011000 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct mmfix x;

		mmfix_config(&x, 1);
		mmfix_bottlenecks(&x);
		x.cfg.version = version[i];
		mmfix_open(&x, 1);
		mmfix_task(&x, 0, sections_of_ops);
		mmfix_run(&x);
		mmfix_close(&x);
	}
}

static void two_files(struct task *t, struct mmfix *x)
{
	task_sleep_until(t, 1000000);
	for (uint64_t i = 0; i < 20; i++) {
		mmfix_op(t, 0);
		sys_mmap(t, own_mm(t, x), BASE + 2 * i * PAGE, PAGE, RW,
			 ABI_MAP_SHARED, true);
	}
}

/* Strangers: whether they map the same file no trace says. */
static void t_files_of_strangers(void **state)
{
	(void)state;
	for (unsigned files = 0; files < 2; files++) {
		struct mmfix x;
		struct lock_class *c;

		mmfix_config(&x, CPUS);
		mmfix_bottlenecks(&x);
		x.cfg.bottlenecks.i_mmap_files = files;
		mmfix_open(&x, 1);
		for (unsigned i = 0; i < CPUS; i++) {
			struct script *s = mmfix_task(&x, 0, two_files);

			s->task.affinity = i + 1;
			s->mm = mm_new(x.k, 10 + i);
			task_attach_mm(&s->task, s->mm);
		}
		mmfix_run(&x);
		c = metrics_lock(x.f.metrics, "i_mmap_rwsem", true);
		assert_int_equal(c->side[SIDE_WRITE].acquired, files * CPUS * 20);
		assert_true((c->side[SIDE_WRITE].contended > 0) == files);
		mmfix_close(&x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_each_binds),
		cmocka_unit_test(t_mutations),
		cmocka_unit_test(t_split),
		cmocka_unit_test(t_private_is_free),
		cmocka_unit_test(t_batches),
		cmocka_unit_test(t_reverse_map_sections),
		cmocka_unit_test(t_files_of_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
