/*
 * Pins which cache lines vmalloc's trees are made of: a walk pays for its lines
 * one after the other and as one contact, waits for one that is on its way, and
 * leaves them with its CPU; areas lie in their slab 72 bytes apart, so who shares
 * a line follows; inserting touches root and neighbours, which another CPU then
 * has to fetch. Not pinned: how many lines a tree of many areas takes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "sim/mm/vmap.h"
#include "sim/tests/fixture_machine.h"

/* memory 90, LLC 45, socket 80, remote 130; hit 1 */
enum { CPUS = 16, MEMORY = 90, LLC = 45, SOCKET = 80, REMOTE = 130, HIT = 1 };

static struct fixture f;
static struct line a, b, c;
static struct vmap_pool pool;
static struct vmap_tree tree;
static struct line root, list;

/* What CPU @cpu does from @at_ns on; it takes @ns. */
struct part {
	uint32_t cpu;
	sim_ns at_ns;
	void (*fn)(struct task *t);
	int64_t ns;
};

struct parts {
	const struct part *p;
	int count;
};

static void play(struct task *t, const void *arg)
{
	const struct parts *all = arg;

	for (int i = 0; i < all->count; i++) {
		const struct part *p = &all->p[i];

		if (p->cpu != t->id)
			continue;
		work_ns(t, p->at_ns - t->m->engine.now_ns, COST_ASSUMED);
		settle(t);
		p->fn(t);
		settle(t);
		assert_int_equal(t->m->engine.now_ns - p->at_ns, p->ns);
	}
}

static void run(const struct part *part, int count)
{
	struct parts all = { part, count };

	fixture_profile(&f, 2, 2, 4, 1);	/* 0 .. 3 | 4 .. 7 || 8 .. 15 */
	fixture_cost(&f, COST_CONTEXT_SWITCH, 0);
	fixture_open(&f, 1);
	memset(&a, 0, sizeof(a));
	b = c = root = list = a;
	memset(&pool, 0, sizeof(pool));
	pool_init(&pool.objects, sizeof(struct vmap_area));
	pool.slab = address_cache_new(&f.m, "vmap_area", VMAP_AREA_BYTES,
				      VMAP_AREA_ALIGN);
	memset(&tree, 0, sizeof(tree));
	vmap_tree_init(&tree);
	tree.m = &f.m;
	tree.root_line = &root;
	tree.list_line = &list;
	fixture_on_cpus(&f, CPUS, NULL, play, &all);
	pool_release(&pool.objects);
	line_release(&a);
	line_release(&b);
	line_release(&c);
	line_release(&root);
	line_release(&list);
	fixture_close(&f);
}

#define RUN(...) do {							\
	static const struct part s[] = { __VA_ARGS__ };			\
	run(s, (int)(sizeof(s) / sizeof(s[0])));			\
} while (0)

static void own(struct task *t)
{
	line_write(t, &a);
	line_write(t, &b);
}

/* a, b of others; c of nobody */
static void walk(struct task *t)
{
	uint64_t contacts = t->m->contacts;
	struct line_walk w;

	line_walk_begin(t, &w);
	line_walk_read(&w, &a);
	line_walk_write(&w, &b);
	line_walk_read(&w, &c);
	line_walk_end(&w);
	assert_int_equal(t->m->contacts - contacts, 1);
}

static void store(struct task *t)
{
	line_write(t, &a);
}

static void t_walk(void **state)
{
	(void)state;
	RUN({ 0, 1000, own, 2 * MEMORY },
	    { 4, 2000, walk, SOCKET + SOCKET + MEMORY },
	    { 4, 3000, walk, 3 * HIT },
	    { 0, 4000, walk, HIT + SOCKET + SOCKET },	/* its copy of a stayed */
	    { 1, 5000, store, LLC + SOCKET - LLC });	/* the farthest copy */
}

/*
 *  a   0 -------------> 8 (1000 to 1130) -> 4 (from 1130 on)
 *  walk of 4     1050 ................ 1130 .... 1260, then b, c
 */
static void t_walk_waits(void **state)
{
	(void)state;
	RUN({ 0, 100, own, 2 * MEMORY },
	    { 8, 1000, store, REMOTE },
	    { 4, 1050, walk, 80 + REMOTE + SOCKET + MEMORY });
}

static struct vmap_area *area(struct task *t, uint64_t page)
{
	uint64_t at = VMALLOC_START + page * PAGE_BYTES;

	return vmap_area_new(&pool, t->cpu->id,
			     (struct range){ at, at + PAGE_BYTES });
}

/*
 *  object   0                1                2
 *  bytes    0 .. 71          72 .. 143        144 .. 215
 *  line     0 . . . . . . .|1 . . . . . . . .|2 . .
 *  fields   node list max    node list  max   node
 */
static void place(struct task *t)
{
	struct vmap_area *v[3] = { area(t, 0), area(t, 2), area(t, 4) };
	struct line *at[3][3];

	for (int i = 0; i < 3; i++) {
		at[i][0] = place_line(t->m, &v[i]->place, VMAP_OFF_NODE);
		at[i][1] = place_line(t->m, &v[i]->place, VMAP_OFF_LIST);
		at[i][2] = place_line(t->m, &v[i]->place, VMAP_OFF_MAX);
	}
	assert_int_equal(v[1]->place.addr - v[0]->place.addr, VMAP_AREA_BYTES);
	assert_ptr_equal(at[0][0], at[0][2]);		/* one line for all */
	assert_ptr_equal(at[1][0], at[1][1]);
	assert_ptr_not_equal(at[1][1], at[1][2]);	/* max is on the next, */
	assert_ptr_equal(at[1][2], at[2][0]);		/* ... its neighbour's */
	assert_ptr_not_equal(at[0][0], at[1][0]);
}

static void t_place(void **state)
{
	(void)state;
	RUN({ 0, 1000, place, 0 });
}

/* One area more, at @page: what its CPU stalls for. */
static void insert(struct task *t, uint64_t page)
{
	struct vmap_area *va = area(t, page);
	struct line_walk w;

	line_walk_begin(t, &w);
	tree.walk = &w;
	vmap_tree_insert(&tree, va);
	tree.walk = NULL;
	line_walk_end(&w);
}

static void first(struct task *t)
{
	insert(t, 0);
}

static void next(struct task *t)
{
	insert(t, 2 * tree.count);
}

/*
 * The first: root, list head and object come from memory. Another CPU: an object
 * of its own slab from memory; root, list head and the first area's line from
 * the first CPU, that line to be read and then, no longer shared, to be written.
 */
static void t_insert(void **state)
{
	(void)state;
	RUN({ 0, 1000, first, 3 * MEMORY + HIT },
	    { 4, 2000, next, MEMORY + 4 * SOCKET + HIT });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_walk),
		cmocka_unit_test(t_walk_waits),
		cmocka_unit_test(t_place),
		cmocka_unit_test(t_insert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
