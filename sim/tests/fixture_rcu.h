#ifndef MMREPLAY_TESTS_FIXTURE_RCU_H
#define MMREPLAY_TESTS_FIXTURE_RCU_H

#include "sim/sync/rcu_impl.h"
#include "sim/tests/fixture_machine.h"

/* RCU on a machine without a kernel: its costs, and rules by default or drawn. */
enum rcufix_cost {
	COST_TEST_CALL = MACHINE_COST_COUNT, COST_TEST_NOCB, COST_TEST_NOCB_WAKE,
	COST_TEST_NOCB_SCAN, COST_TEST_GP, COST_TEST_END
};

/** rcufix_rules() - of a kernel without options */
struct rcu_rules rcufix_rules(void);

/** rcufix_drawn() - some rules, a different set for each @bits */
struct rcu_rules rcufix_drawn(uint64_t bits);

/** rcufix_costs() - 30, 60, 1000, 100 ns, period 400 us; before fixture_open() */
void rcufix_costs(struct fixture *f);

/** rcufix_new() - registers ledger stages and one class, id 0 */
struct rcu_state *rcufix_new(struct fixture *f, const struct rcu_rules *rules);

#endif
