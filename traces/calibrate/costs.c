/*
 * From readings to the costs of a profile.
 *
 * A rule says which reading holds a cost and what else is in it: other costs
 * (measured ones first, else those of the base profile). A cost that is not
 * more than 0 after that is not known: no cost is made up.
 * The composition is the one that the simulator charges; where user space can
 * only see a sum of several costs, the sum is split as in the base profile.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "sim/base/mem.h"
#include "traces/calibrate/costs.h"

enum { LESS_MAX = 6 };

struct less {
	const char *key;		/* a cost */
	int times, per;			/* times/per of it; per 0 counts as 1 */
};

struct rule {
	const char *key;
	int reading, minus;		/* enum cal_reading; -1: none */
	int divide;			/* of the difference; 0 counts as 1 */
	const char *shared_with;	/* a cost that is in the rest as well */
	struct less less[LESS_MAX];
	const char *why_not;		/* user space cannot see it */
};

enum { NONE = -1 };

#define IS(key_, r) { .key = key_, .reading = CAL_##r, .minus = NONE }
#define DIFFERENCE(key_, r, m) \
	{ .key = key_, .reading = CAL_##r, .minus = CAL_##m }
#define LESS(key_, r, ...) \
	{ .key = key_, .reading = CAL_##r, .minus = NONE, \
	  .less = { __VA_ARGS__ } }
#define PAIR(key_, distance) \
	{ .key = key_, .reading = NONE, .minus = distance }
#define HIDDEN(key_, why) \
	{ .key = key_, .reading = NONE, .minus = NONE, .why_not = why }

static const char in_others[] =
	"user space sees it only together with other costs";
static const char inside_kernel[] =
	"happens inside the kernel, where user space cannot time it";

/* in order: a rule may take off what stands above it */
static const struct rule rules[] = {
	IS("atomic_rmw_ns", ATOMIC),
	IS("line_read_ns", LOAD),
	IS("line_write_ns", STORE),
	PAIR("line_transfer_smt_ns", CAL_SMT),
	PAIR("line_transfer_llc_ns", CAL_LLC),
	PAIR("line_transfer_socket_ns", CAL_SOCKET),
	PAIR("line_transfer_remote_ns", CAL_REMOTE),
	IS("line_memory_ns", MEMORY),
	HIDDEN("line_snoop_ns", "no probe tells a request from the data it brings"),
	IS("syscall_ns", SYSCALL),
	IS("spin_poll_ns", PAUSE),
	IS("context_switch_ns", SWITCH),
	DIFFERENCE("wakeup_ns", WAKE_LOCAL, WAKE_NONE),
	{ .key = "wakeup_latency_ns", .reading = CAL_LATENCY_BUSY,
	  .minus = CAL_WAKE_NONE, .less = {
		{ "wakeup_ns", 1, 1 }, { "context_switch_ns", 1, 1 } } },
	DIFFERENCE("idle_exit_ns", LATENCY_IDLE, LATENCY_BUSY),
	HIDDEN("wakeup_idle_ns", in_others),
	HIDDEN("idle_exit_short_ns", "no probe keeps a CPU idle for a few us"),
	HIDDEN("idle_short_ns", "no probe varies how long a CPU idles"),
	{ .key = "ipi_send_ns", .reading = CAL_IPI_ARRIVE, .minus = NONE,
	  .shared_with = "ipi_latency_ns", .less = { { "syscall_ns", 1, 1 } } },
	LESS("ipi_latency_ns", IPI_ARRIVE, { "syscall_ns", 1, 1 },
	     { "ipi_send_ns", 1, 1 }),
	HIDDEN("ipi_latency_remote_ns",
	       "one pair of CPUs is probed, the nearest that are two cores"),
	HIDDEN("ipi_receive_ns", in_others),
	IS("irq_entry_exit_ns", IPI_GAP),
	DIFFERENCE("tlb_remote_handler_ns", FLUSH_GAP, IPI_GAP),
	IS("tick_ns", TICK),
	IS("zero_page_ns", ZERO_4K),
	IS("zero_huge_page_ns", ZERO_2M),
	IS("copy_page_ns", COPY_4K),
	DIFFERENCE("fault_entry_exit_ns", FAULT_ANON, POPULATE),
	LESS("fault_anon_ns", FAULT_ANON, { "fault_entry_exit_ns", 1, 1 },
	     { "zero_page_ns", 1, 1 }),
	LESS("fault_cow_ns", FAULT_COW, { "fault_entry_exit_ns", 1, 1 },
	     { "copy_page_ns", 1, 1 }),
	LESS("fault_zero_page_ns", FAULT_READ, { "fault_entry_exit_ns", 1, 1 }),
	LESS("fault_file_ns", FAULT_FILE, { "fault_entry_exit_ns", 1, 1 }),
	LESS("fault_huge_ns", FAULT_HUGE, { "fault_entry_exit_ns", 1, 1 },
	     { "zero_huge_page_ns", 1, 1 }),
	HIDDEN("fault_spurious_ns", "cannot be provoked one at a time"),
	DIFFERENCE("page_table_alloc_ns", FAULT_SPARSE, FAULT_ANON),
	DIFFERENCE("page_table_free_ns", ZAP_SPARSE, ZAP),
	IS("anon_vma_prepare_ns", FAULT_FIRST),
	{ .key = "zap_page_ns", .reading = CAL_ZAP, .minus = NONE,
	  .shared_with = "page_free_ns" },
	LESS("page_free_ns", ZAP, { "zap_page_ns", 1, 1 }),
	HIDDEN("zap_shared_page_ns", "needs a fork, whose own cost hides it"),
	IS("zap_huge_page_ns", ZAP_HUGE),
	IS("protect_page_ns", PROTECT_PAGE),
	IS("move_page_ns", MOVE_PAGE),
	HIDDEN("memory_4k_ns", "no probe fills the memory channels of a socket"),
	HIDDEN("fault_walk_ns", in_others),
	HIDDEN("pte_locked_ns", in_others),
	HIDDEN("zap_locked_ns", in_others),
	HIDDEN("zone_page_ns", in_others),
	HIDDEN("lru_folio_ns", in_others),
	HIDDEN("slab_list_ns", inside_kernel),
	HIDDEN("i_mmap_locked_ns", inside_kernel),
	HIDDEN("anon_vma_locked_ns", inside_kernel),
	HIDDEN("tlb_local_page_ns", in_others),
	HIDDEN("tlb_local_full_ns", in_others),
	HIDDEN("tlb_broadcast_ns", "needs INVLPGB, and a kernel that uses it"),
	HIDDEN("tlb_sync_ns", "needs INVLPGB, and a kernel that uses it"),
	LESS("mmap_body_ns", MMAP, { "syscall_ns", 1, 1 },
	     { "vma_alloc_ns", 1, 1 }, { "maple_store_ns", 1, 1 },
	     { "maple_visit_ns", 3, 1 }),
	HIDDEN("unmap_finish_ns", in_others),
	{ .key = "munmap_body_ns", .reading = CAL_MUNMAP, .minus = NONE,
	  .shared_with = "unmap_region_ns", .less = {
		{ "unmap_finish_ns", 1, 1 },
		{ "syscall_ns", 1, 1 }, { "vma_free_ns", 1, 1 },
		{ "maple_store_ns", 1, 1 }, { "maple_visit_ns", 3, 1 } } },
	{ .key = "unmap_region_ns", .reading = CAL_MUNMAP, .minus = NONE,
	  .less = {
		{ "munmap_body_ns", 1, 1 }, { "unmap_finish_ns", 1, 1 },
		{ "syscall_ns", 1, 1 }, { "vma_free_ns", 1, 1 },
		{ "maple_store_ns", 1, 1 }, { "maple_visit_ns", 3, 1 } } },
	LESS("mprotect_body_ns", MPROTECT, { "syscall_ns", 1, 1 },
	     { "maple_visit_ns", 3, 1 }),
	LESS("mremap_body_ns", MREMAP, { "syscall_ns", 1, 1 },
	     { "vma_alloc_ns", 1, 1 }, { "vma_free_ns", 1, 1 },
	     { "maple_store_ns", 2, 1 }, { "unmap_region_ns", 1, 1 }),
	LESS("madvise_body_ns", MADVISE, { "syscall_ns", 1, 1 }),
	LESS("brk_body_ns", BRK, { "syscall_ns", 1, 1 },
	     { "maple_store_ns", 1, 1 }),
	LESS("mlock_body_ns", MLOCK, { "syscall_ns", 1, 1 }),
	HIDDEN("vma_alloc_ns", in_others),
	HIDDEN("vma_free_ns", in_others),
	HIDDEN("vma_free_remote_ns", inside_kernel),
	HIDDEN("vma_lock_alloc_ns", in_others),
	{ .key = "vma_split_ns", .reading = CAL_SPLIT, .minus = CAL_MPROTECT,
	  .divide = 2, .less = {
		{ "vma_alloc_ns", 1, 1 }, { "maple_store_ns", 1, 1 } } },
	{ .key = "vma_merge_ns", .reading = CAL_MERGE, .minus = CAL_MPROTECT,
	  .divide = 2, .less = {
		{ "vma_free_ns", 1, 1 }, { "maple_store_ns", 1, 2 } } },
	HIDDEN("rbtree_visit_ns", inside_kernel),
	HIDDEN("rbtree_link_ns", inside_kernel),
	HIDDEN("vmacache_hit_ns", inside_kernel),
	HIDDEN("maple_visit_ns", inside_kernel),
	HIDDEN("maple_store_ns", inside_kernel),
	HIDDEN("maple_node_alloc_ns", inside_kernel),
	HIDDEN("maple_node_copy_ns", inside_kernel),
	IS("fork_body_ns", FORK),
	LESS("fork_vma_ns", FORK_VMA, { "vma_alloc_ns", 1, 1 }),
	HIDDEN("fork_file_vma_ns", "depends on who else maps the file"),
	LESS("fork_pte_ns", FORK_PAGE, { "page_table_alloc_ns", 1, 512 }),
	IS("clone_thread_ns", CLONE),
	HIDDEN("exec_body_ns", "depends on the program"),
	HIDDEN("exit_body_ns", in_others),
	LESS("exit_vma_ns", EXIT_VMA, { "vma_free_ns", 1, 1 }),
	IS("proc_maps_line_ns", MAPS_LINE),
	IS("proc_smaps_page_ns", SMAPS_PAGE),
	LESS("proc_cmdline_ns", CMDLINE, { "syscall_ns", 1, 1 }),
	IS("gup_page_ns", GUP),
	HIDDEN("call_rcu_ns", inside_kernel),
	HIDDEN("call_rcu_nocb_ns", inside_kernel),
	HIDDEN("rcu_nocb_wake_ns", inside_kernel),
	HIDDEN("rcu_nocb_scan_ns", inside_kernel),
	IS("rcu_grace_period_ns", GRACE),
	HIDDEN("rcu_callback_ns", inside_kernel),
	HIDDEN("vmap_area_alloc_ns", inside_kernel),
	HIDDEN("vmap_tree_visit_ns", inside_kernel),
	HIDDEN("vmap_tree_link_ns", inside_kernel),
	HIDDEN("vmap_map_page_ns", inside_kernel),
	HIDDEN("vmap_unmap_page_ns", inside_kernel),
	HIDDEN("vmap_flush_ns", inside_kernel),
	HIDDEN("vmap_pte_ns", inside_kernel),
	HIDDEN("vmap_block_ns", inside_kernel),
};

enum { RULES = sizeof(rules) / sizeof(rules[0]) };

const char *calibrate_key(unsigned index)
{
	return index < RULES ? rules[index].key : NULL;
}

static void unknown(struct cal_cost *c, const char *why)
{
	c->known = false;
	snprintf(c->source, sizeof(c->source), "%s", why);
}

/* A cost in picoseconds: measured above, or of the base; -1: neither. */
static int64_t cost_ps(const struct calibration *cal, const char *key,
		       const struct calibrate_options *o)
{
	int64_t ns;

	for (unsigned i = 0; i < cal->costs; i++)
		if (!strcmp(cal->cost[i].key, key) && cal->cost[i].known)
			return cal->cost[i].ns * 1000;
	ns = o->base_ns ? o->base_ns(o->base_arg, key) : -1;
	return ns < 0 ? -1 : ns * 1000;
}

/* Appends to a source text. */
static void say(struct cal_cost *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct cal_cost *c, const char *fmt, ...)
{
	size_t used = strlen(c->source);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->source + used, sizeof(c->source) - used, fmt, ap);
	va_end(ap);
}

static int64_t round_ns(int64_t ps)
{
	return ps > 0 && ps < 1000 ? 1 : (ps + 500) / 1000;
}

static void settle(struct cal_cost *c, int64_t low, int64_t mid, int64_t high)
{
	c->known = true;
	c->ns = round_ns(mid);
	c->low_ns = low > 0 ? round_ns(low) : 0;
	c->high_ns = round_ns(high);
	if (c->low_ns > c->ns)
		c->low_ns = c->ns;
	if (c->high_ns < c->ns)
		c->high_ns = c->ns;
}

/* Median over the pairs of CPUs that are @distance apart. */
static void from_pairs(struct calibration *cal, const struct rule *r,
		       struct cal_cost *c)
{
	struct cal_samples s = { 0 };
	struct cal_value v;
	unsigned pairs = 0;

	for (unsigned i = 0; i < cal->pairs; i++) {
		const struct cal_pair *p = &cal->pair[i];

		if ((int)p->distance != r->minus || !p->transfer.known)
			continue;
		pairs++;
		if (s.n + 3 > CAL_SAMPLES)
			continue;
		s.ps[s.n++] = p->transfer.low_ps;
		s.ps[s.n++] = p->transfer.median_ps;
		s.ps[s.n++] = p->transfer.high_ps;
	}
	if (!pairs) {
		unknown(c, "this machine has no such pair of CPUs, or it may not be used");
		return;
	}
	v = cal_median(&s);
	settle(c, v.low_ps, v.median_ps, v.high_ps);
	say(c, "a word handed to and fro, half a round; %u pairs of CPUs (%s)",
	    pairs, cal_distance_names[r->minus]);
}

/* What the rule takes off, in ps; -1 and the cost unknown if a part is. */
static int64_t taken_off(const struct calibration *cal, const struct rule *r,
			 const struct calibrate_options *o, struct cal_cost *c)
{
	int64_t off = 0, ps;

	for (unsigned i = 0; i < LESS_MAX && r->less[i].key; i++) {
		const struct less *l = &r->less[i];

		ps = cost_ps(cal, l->key, o);
		if (ps < 0) {
			unknown(c, "");
			say(c, "%s is part of it and not known", l->key);
			return -1;
		}
		off += ps * l->times / (l->per ? l->per : 1);
		say(c, "%s %.*s", i ? "," : ", less", (int)strlen(l->key) - 3,
		    l->key);
	}
	return off;
}

/* The part of @ps that falls to the rule's cost, split as in the base. */
static int64_t share(const struct rule *r, const struct calibrate_options *o,
		     int64_t ps)
{
	int64_t own = o->base_ns ? o->base_ns(o->base_arg, r->key) : -1;
	int64_t other = o->base_ns ? o->base_ns(o->base_arg, r->shared_with) : -1;

	if (own <= 0 || other < 0)
		return -1;
	return (int64_t)((__int128)ps * own / (own + other));
}

static void from_reading(const struct calibration *cal, const struct rule *r,
			 const struct calibrate_options *o, struct cal_cost *c)
{
	struct cal_value v = cal->reading[r->reading];
	int64_t off, minus = 0, divide = r->divide ? r->divide : 1;
	const char *what;

	if (v.known && r->minus >= 0 && !cal->reading[r->minus].known)
		v = cal->reading[r->minus];
	if (!v.known) {
		unknown(c, v.why);
		return;
	}
	calibrate_reading((enum cal_reading)r->reading, &what);
	say(c, "%s", what);
	if (r->minus >= 0) {
		minus = cal->reading[r->minus].median_ps;
		calibrate_reading((enum cal_reading)r->minus, &what);
		say(c, ", less %s", what);
	}
	off = taken_off(cal, r, o, c);
	if (off < 0)
		return;
	v.median_ps = (v.median_ps - minus) / divide - off;
	v.low_ps = (v.low_ps - minus) / divide - off;
	v.high_ps = (v.high_ps - minus) / divide - off;
	if (r->shared_with && share(r, o, 1) < 0) {
		unknown(c, "");
		say(c, "a sum with %s, and no base profile to split it with",
		    r->shared_with);
		return;
	}
	if (r->shared_with && v.median_ps > 0) {
		v.low_ps = share(r, o, v.low_ps);
		v.median_ps = share(r, o, v.median_ps);
		v.high_ps = share(r, o, v.high_ps);
		say(c, "; split with %s as in the base", r->shared_with);
	}
	if (v.median_ps <= 0) {
		unknown(c, "nothing is left of it when the costs that it contains are taken off");
		return;
	}
	c->derived = r->minus >= 0 || r->less[0].key;
	settle(c, v.low_ps, v.median_ps, v.high_ps);
}

void cal_costs(struct calibration *cal, const struct calibrate_options *o)
{
	cal->cost = xcalloc(RULES, sizeof(*cal->cost));
	for (unsigned i = 0; i < RULES; i++) {
		const struct rule *r = &rules[i];
		struct cal_cost *c = &cal->cost[i];

		c->key = r->key;
		if (r->why_not)
			unknown(c, r->why_not);
		else if (r->reading >= 0)
			from_reading(cal, r, o, c);
		else
			from_pairs(cal, r, c);
		cal->costs = i + 1;
	}
}
