/*
 * Where pages come from and go to: per-CPU lists in front of the zone lock
 * (rmqueue_bulk(), free_pcppages_bulk()), per-CPU folio batches in front of the
 * LRU lock, a per-CPU stock in front of memcg's page counters, slabs in front
 * of the list lock of their node; memory bandwidth. A node is a socket.
 *
 *   fault  page <- pcp list <- zone (batch pages at once)
 *          folio -> batch ------> LRU (when the batch is full, or drained)
 *   zap    LRU (32 at a time) -> uncharge -> pcp list -> zone (above high)
 *
 * Invariant: what a batch costs under its lock is page_*_part_ns() per page,
 * which the path that uses it does not charge; the sum stays, who pays shifts.
 * With no other CPU of the node busy nobody can wait: the sections are counted
 * and paid for in one piece, without an event.
 *
 * Limits: pages are freed to the node of the CPU that frees; one cgroup for
 * all; only order 0 is on per-CPU lists; no reclaim and no watermarks, so pcp
 * lists do not grow with load (6.7) and allocations do not scale their batch.
 */
#include "sim/machine/mutation.h"
#include "sim/mm/resource.h"

enum { LRU_FREE_FOLIOS = 32 };	/* SWAP_CLUSTER_MAX: the lock is let go then */

static const struct bottlenecks *rules(const struct kernel *k)
{
	return &k->cfg.bottlenecks;
}

static struct page_cpu *page_cpu(struct task *t)
{
	return &kernel_of(t)->resources->cpus[t->cpu->id];
}

static struct page_node *page_node(struct task *t)
{
	return &kernel_of(t)->resources->nodes[t->cpu->socket];
}

bool cpus_quiet(const struct task *t, bool everywhere)
{
	const struct machine *m = t->m;
	const struct topology *tp = &m->profile->topology;
	uint32_t per = tp->llcs_per_socket * tp->cores_per_llc *
		       tp->threads_per_core;
	uint32_t first = everywhere ? 0 : t->cpu->socket * per;
	uint32_t end = everywhere ? m->cpu_count : first + per;

	assert_settled(t);
	if (end > m->cpu_count)
		end = m->cpu_count;
	return cpus_busy(m, first, end) <= 1;
}

/* ---- one section after the other under a lock ---- */

/** struct bulk - @items in all, @batch in each section, of @cost each */
struct bulk {
	struct spinlock *lock;
	unsigned cost;
	uint64_t items, batch;
};

/* Nobody else is there to wait: no event, the same books. */
static void bulk_alone(struct task *t, const struct bulk *b, uint64_t sections)
{
	int64_t each_ns = cost_ns(kernel_of(t), b->cost);
	uint64_t left = b->items;

	for (uint64_t i = 0; i < sections; i++) {
		uint64_t n = left < b->batch ? left : b->batch;

		lock_acquired(t->m->metrics, b->lock->cls, SIDE_WRITE, false, 0,
			      0, 0, 0);
		lock_released(t->m->metrics, b->lock->cls, SIDE_WRITE,
			      each_ns * (int64_t)n);
		left -= n;
	}
	work(t, COST_ATOMIC, sections);
	work(t, COST_LINE_WRITE, sections);
	work(t, b->cost, b->items);
}

static void bulk_run(struct task *t, const struct bulk *b)
{
	const struct kernel *k = kernel_of(t);
	uint64_t left = b->items, sections = (left + b->batch - 1) / b->batch;

	settle(t);
	if (!left)
		return;
	prim_expected(t, (int64_t)left * cost_ns(k, b->cost) +
			 (int64_t)sections * (cost_ns(k, COST_ATOMIC) +
					      cost_ns(k, COST_LINE_WRITE)));
	if (!b->lock->holder && cpus_quiet(t, false)) {
		bulk_alone(t, b, sections);
		return;
	}
	while (left) {
		uint64_t n = left < b->batch ? left : b->batch;

		spin_lock_irq(t, b->lock);
		work(t, b->cost, n);
		spin_unlock_irq(t, b->lock);
		left -= n;
	}
}

/* ---- the zone ---- */

static int64_t zone_part_ns(const struct kernel *k)
{
	return rules(k)->zone_lock ? cost_ns(k, COST_ZONE_PAGE) : 0;
}

static int64_t lru_part_ns(const struct kernel *k)
{
	return rules(k)->lru_lock ? cost_ns(k, COST_LRU_FOLIO) : 0;
}

int64_t page_part_ns(const struct kernel *k)
{
	return zone_part_ns(k) + lru_part_ns(k);
}

static void zone_bulk(struct task *t, uint64_t pages, uint64_t batch)
{
	struct bulk b = { &page_node(t)->zone_lock, COST_ZONE_PAGE, pages,
			  batch };

	if (!mutated(MUTATE_NO_ZONE_LOCK))
		bulk_run(t, &b);
}

static void pcp_alloc(struct task *t, uint64_t pages)
{
	const struct bottlenecks *r = rules(kernel_of(t));
	struct page_cpu *c = page_cpu(t);
	uint64_t have = c->pcp_pages, fetch = 0;

	if (!r->zone_lock)
		return;
	c->free_factor /= 2;
	if (have < pages)
		fetch = (pages - have + r->pcp_batch - 1) / r->pcp_batch *
			r->pcp_batch;
	c->pcp_pages = (uint32_t)(have + fetch - pages);
	zone_bulk(t, fetch, r->pcp_batch);
}

/* nr_pcp_free(): from 5.14 a CPU that frees again and again drains more */
static uint64_t drain_of(const struct bottlenecks *r, struct page_cpu *c)
{
	uint64_t most = r->pcp_high > 2 * r->pcp_batch ?
			r->pcp_high - r->pcp_batch : r->pcp_batch;
	uint64_t n = (uint64_t)r->pcp_batch << c->free_factor;

	if (c->free_factor < r->pcp_free_scale)
		c->free_factor++;
	return n < most ? n : most;
}

static void pcp_free(struct task *t, uint64_t pages)
{
	const struct bottlenecks *r = rules(kernel_of(t));

	if (!r->zone_lock)
		return;
	while (pages) {
		struct page_cpu *c = page_cpu(t);
		uint64_t room = r->pcp_high > c->pcp_pages ?
				r->pcp_high - c->pcp_pages : 0;
		uint64_t drain;

		if (pages < room) {
			c->pcp_pages += (uint32_t)pages;
			return;
		}
		/* the list is full: one drain after the other, in one piece
		 * once they have their full size */
		pages -= room;
		drain = drain_of(r, c);
		c->pcp_pages = r->pcp_high - (uint32_t)drain;
		zone_bulk(t, drain, drain);
		settle(t);	/* the CPU may be another now */
	}
}

/* ---- the LRU ---- */

static void lru_bulk(struct task *t, uint64_t folios, uint64_t batch)
{
	struct bulk b = { &page_node(t)->lru_lock, COST_LRU_FOLIO, folios,
			  batch };

	if (!mutated(MUTATE_NO_LRU_LOCK))
		bulk_run(t, &b);
}

void folios_add(struct task *t, uint64_t folios)
{
	const struct bottlenecks *r = rules(kernel_of(t));
	struct page_cpu *c;
	uint64_t full;

	if (!r->lru_lock)
		return;
	settle(t);
	c = page_cpu(t);
	full = (c->folios + folios) / r->folio_batch * r->folio_batch;
	c->folios = (uint32_t)(c->folios + folios - full);
	lru_bulk(t, full, r->folio_batch);
}

void folios_drain(struct task *t)
{
	const struct bottlenecks *r = rules(kernel_of(t));
	struct page_cpu *c;
	uint64_t n;

	if (!r->lru_lock || !r->lru_add_drain)
		return;
	settle(t);
	c = page_cpu(t);
	n = c->folios;
	c->folios = 0;
	lru_bulk(t, n, r->folio_batch);
}

/* ---- memcg ---- */

/* page_counter_try_charge(), page_counter_uncharge(): an atomic a level */
static void memcg_counters(struct task *t, uint64_t times)
{
	struct resources *res = kernel_of(t)->resources;
	uint32_t levels = rules(res->k)->memcg_levels;

	prim_expected(t, (int64_t)(times * levels) *
			 cost_ns(res->k, COST_ATOMIC));
	settle(t);
	if (mutated(MUTATE_NO_MEMCG))
		return;
	if (cpus_quiet(t, true)) {
		work(t, COST_ATOMIC, times * levels);
		return;
	}
	for (; times; times--)
		for (uint32_t i = 0; i < levels; i++)
			line_rmw(t, &res->memcg[i]);
}

static void memcg_charge(struct task *t, uint64_t pages)
{
	const struct bottlenecks *r = rules(kernel_of(t));
	struct page_cpu *c;

	if (!r->memcg_charge || !r->memcg_levels)
		return;
	settle(t);
	c = page_cpu(t);
	if (c->charged_pages >= pages) {
		c->charged_pages -= (uint32_t)pages;
		return;
	}
	/* a batch, or as much as is asked for; the rest is stock */
	if (pages < r->memcg_batch)
		c->charged_pages += r->memcg_batch - (uint32_t)pages;
	count(t, COUNT_MEMCG_CHARGE);
	memcg_counters(t, 1);
}

/* mem_cgroup_uncharge_list(): once a batch of pages */
static void memcg_uncharge(struct task *t, uint64_t pages)
{
	const struct bottlenecks *r = rules(kernel_of(t));

	if (r->memcg_charge && r->memcg_levels && pages)
		memcg_counters(t, (pages + LRU_FREE_FOLIOS - 1) /
				  LRU_FREE_FOLIOS);
}

/* ---- what paths call ---- */

void pages_alloc(struct task *t, uint64_t pages)
{
	settle(t);
	pcp_alloc(t, pages);
	memcg_charge(t, pages);
}

void pages_alloc_huge(struct task *t)
{
	settle(t);
	if (rules(kernel_of(t))->zone_lock)
		zone_bulk(t, 1, 1);
	memcg_charge(t, PMD_PAGES);
}

/* Off the LRU and uncharged; @t is settled then. */
static void folios_release(struct task *t, uint64_t folios, uint64_t pages)
{
	settle(t);
	if (rules(kernel_of(t))->lru_lock)
		lru_bulk(t, folios, LRU_FREE_FOLIOS);
	memcg_uncharge(t, pages);
	settle(t);
}

void pages_free(struct task *t, uint64_t pages)
{
	if (!pages)
		return;
	folios_release(t, pages, pages);
	pcp_free(t, pages);
}

void pages_free_huge(struct task *t, uint64_t n)
{
	if (!n)
		return;
	folios_release(t, n, n * PMD_PAGES);
	if (rules(kernel_of(t))->zone_lock)
		zone_bulk(t, n, 1);
}

void slab_slow(struct task *t)
{
	struct bulk b;

	settle(t);
	if (!rules(kernel_of(t))->list_lock)
		return;
	b = (struct bulk){ &page_node(t)->list_lock, COST_SLAB_LIST, 1, 1 };
	if (!mutated(MUTATE_NO_LIST_LOCK))
		bulk_run(t, &b);
}

/*
 * One server a socket: what was asked for before is moved first. With less
 * than it can take nobody waits; above, the total is its rate.
 */
void memory_traffic(struct task *t, uint64_t units, int64_t own_ns)
{
	struct resources *res = kernel_of(t)->resources;
	struct page_node *n = page_node(t);
	const struct cost_value *c = &t->m->profile->cost[COST_MEMORY_4K];
	sim_ns now = t->m->engine.now_ns;
	int64_t stall_ns;

	assert_settled(t);
	if (!rules(res->k)->memory_bandwidth || mutated(MUTATE_NO_BANDWIDTH))
		return;
	if (n->memory_busy_ns < now)
		n->memory_busy_ns = now;
	n->memory_busy_ns += (int64_t)units * c->value;
	stall_ns = n->memory_busy_ns - now - own_ns;
	lock_acquired(t->m->metrics, res->memory_class, SIDE_WRITE,
		      stall_ns > 0, stall_ns > 0 ? stall_ns : 0, 0, 0, 0);
	lock_released(t->m->metrics, res->memory_class, SIDE_WRITE,
		      (int64_t)units * c->value);
	if (stall_ns > 0) {
		lock_blame(res->memory_class, t->op_kind, n->memory_op, stall_ns);
		work_ns(t, stall_ns, c->cls);
	}
	n->memory_op = t->op_kind;
}

/* ---- life ---- */


struct resources *resources_new(struct kernel *k)
{
	struct resources *r = xcalloc(1, sizeof(*r));
	struct metrics *m = k->metrics;

	r->k = k;
	r->node_count = k->m->profile->topology.sockets;
	r->cpus = xcalloc(k->m->cpu_count, sizeof(*r->cpus));
	r->nodes = xcalloc(r->node_count, sizeof(*r->nodes));
	r->keyed = keyed_locks_new(k);
	r->ptl_class = metrics_lock(m, "ptl", false);
	r->page_table_class = metrics_lock(m, "page_table_lock", false);
	r->zone_class = metrics_lock(m, "zone_lock", false);
	r->lru_class = metrics_lock(m, "lru_lock", false);
	r->list_class = metrics_lock(m, "list_lock", false);
	r->memory_class = metrics_lock(m, "memory_bandwidth", false);
	r->i_mmap_class = metrics_lock(m, "i_mmap_rwsem", true);
	r->anon_vma_class = metrics_lock(m, "anon_vma", true);
	for (uint32_t i = 0; i < r->node_count; i++) {
		struct page_node *n = &r->nodes[i];

		spin_init(&n->zone_lock, &n->zone_line, r->zone_class);
		spin_init(&n->lru_lock, &n->lru_line, r->lru_class);
		spin_init(&n->list_lock, &n->list_line, r->list_class);
	}
	return r;
}

void resources_free(struct resources *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < r->node_count; i++) {
		struct page_node *n = &r->nodes[i];

		line_release(&n->zone_line);
		line_release(&n->lru_line);
		line_release(&n->list_line);
	}
	for (int i = 0; i < MEMCG_LEVELS_MAX; i++)
		line_release(&r->memcg[i]);
	keyed_locks_free(r->keyed);
	free(r->nodes);
	free(r->cpus);
	free(r);
}
