/*
 * rcu: tree. Tree RCU with what configuration and command line decide: HZ, the
 * CPUs whose callbacks are offloaded, laziness, and the limits of a batch.
 */
#include "sim/mm/policies.h"

static const char *const batch_of[] = { "done", "all", NULL };

#define RULE(k, t, f) .key = k, .type = t, .offset = offsetof(struct rcu_rules, f)

static const struct option tree_options[] = {
	{ RULE("hz", OPT_U32, hz), .def = "0", .min = 0, .max = 10000,
	  .unit = "Hz", .help = "CONFIG_HZ as RCU sees it; 0: the machine's" },
	{ RULE("nocbs", OPT_STR, nocbs), .def = "none", .unit = "",
	  .help = "rcu_nocbs=: offloaded CPUs: none, all, or a list like 0-3,8" },
	{ RULE("lazy", OPT_BOOL, lazy), .def = "false", .unit = "",
	  .help = "CONFIG_RCU_LAZY, since 6.2, off by default: callbacks of offloaded CPUs may wait" },
	{ RULE("lazy_flush_ns", OPT_I64, lazy_flush_ns), .def = "10000000000",
	  .min = 1000000, .max = 600 * NSEC_PER_SEC, .unit = "ns",
	  .help = "that long at most (LAZY_FLUSH_JIFFIES, 10 s)" },
	{ RULE("blimit", OPT_U32, blimit), .def = "10", .min = 1,
	  .max = 1 << 20, .unit = "count",
	  .help = "callbacks of a batch in softirq (rcutree.blimit)" },
	{ RULE("qhimark", OPT_U32, qhimark), .def = "10000", .min = 1,
	  .max = 1 << 30, .unit = "count",
	  .help = "callbacks of a CPU above which batches grow and a period is forced (rcutree.qhimark)" },
	{ RULE("qlowmark", OPT_U32, qlowmark), .def = "100", .min = 0,
	  .max = 1 << 30, .unit = "count",
	  .help = "... and down to which they stay so (rcutree.qlowmark)" },
	{ RULE("rcu_divisor", OPT_U32, divisor), .def = "7", .min = 0,
	  .max = 62, .unit = "",
	  .help = "a batch is at least pending >> this (rcutree.rcu_divisor)" },
	{ RULE("resched_ns", OPT_I64, resched_ns), .def = "3000000",
	  .min = 0, .max = NSEC_PER_SEC, .unit = "ns",
	  .help = "time of a batch in softirq (rcutree.rcu_resched_ns); 0: any" },
	{ RULE("batch_of", OPT_ENUM, batch_of), .def = "done",
	  .names = batch_of, .unit = "",
	  .help = "what is pending: done (since November 2022, 6.2), or all" },
	OPTION_END
};

const struct rcu_flavour rcu_tree = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct rcu_flavour),
		.axis = "rcu", .name = "tree",
		.models = "kernel/rcu/tree.c and tree_nocb.h: call_rcu, grace periods, callbacks",
		.source = "kernel/rcu/tree.c, tree_nocb.h (00a611229bfa)",
		.options = tree_options,
		.option_bytes = sizeof(struct rcu_rules),
	},
	.rules = {
		.nocbs = "none", .blimit = 10, .qhimark = 10000,
		.qlowmark = 100, .divisor = 7, .resched_ns = 3000000,
		.lazy_flush_ns = 10 * NSEC_PER_SEC,
	},
};
