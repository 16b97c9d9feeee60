/*
 * Interrupts: sent to a CPU, taken from whatever runs there.
 *
 * Invariant: a handler never starts while the current task has interrupts off;
 * what arrives then waits in order of arrival until irq_enable(). Handlers of
 * one CPU run one after the other. Arrivals of one instant are ordered by
 * target, sender and the sender's own count.
 *
 * Cost: two events an interrupt (one without @done).
 */
#include "sim/machine/mutation.h"
#include "sim/machine/sched.h"

enum { SENDER_SHIFT = 24, SENDER_OUTSIDE = 0x1fff };

static const uint64_t order_done = 1ULL << 37;

/* The handler runs on @c from now, or behind the one that runs. */
static void irq_run(struct cpu *c, struct irq_request *r)
{
	const struct cost_value *cost = c->m->profile->cost;
	struct machine *m = c->m;

	cpu_pause(c);
	if (!r->chained)
		cpu_take(c, cost_take(m, COST_IRQ_ENTRY, 1), MODE_IRQ,
			 cost[COST_IRQ_ENTRY].cls);
	if (r->sent)
		cpu_take(c, cost_take(m, COST_IPI_RECEIVE, 1), MODE_IRQ,
			 cost[COST_IPI_RECEIVE].cls);
	cpu_take(c, r->cost_ns, MODE_IRQ, r->cls);
	cpu_rearm(c);
	c->irqs_taken++;
	if (r->done)
		engine_at(&m->engine, c->busy_until_ns,
			  event_order(EVENT_INTERRUPT, c->id,
				      order_done | c->irqs_taken),
			  &r->sink, 1);
}

void irq_extend(struct cpu *c, int64_t ns, enum cost_class cls)
{
	if (!ns)
		return;
	cpu_pause(c);
	cpu_take(c, ns, MODE_IRQ, cls);
	cpu_rearm(c);
}

static void irq_fire(struct engine *e, struct sink *s, uint64_t data)
{
	struct irq_request *r = (struct irq_request *)(void *)
				((char *)s - offsetof(struct irq_request, sink));
	struct cpu *c = r->cpu;

	(void)e;
	machine_touch(c->m);
	if (data) {
		r->done(r);
	} else if (c->curr && c->curr->irq_off &&
		   !mutated(MUTATE_IRQ_OFF_IGNORED)) {
		r->next = NULL;
		*c->irq_tail = r;
		c->irq_tail = &r->next;
	} else {
		irq_run(c, r);
	}
}

void irq_run_deferred(struct cpu *c)
{
	struct irq_request *r;

	while ((r = c->irq_pending)) {
		c->irq_pending = r->next;
		if (!c->irq_pending)
			c->irq_tail = &c->irq_pending;
		irq_run(c, r);
	}
	if (c->tick_deferred) {
		c->tick_deferred = false;
		tick_run(c);
	}
}

void irq_send(struct task *by, struct irq_request *r, struct cpu *to)
{
	struct machine *m = to->m;
	uint64_t sender = SENDER_OUTSIDE, n;
	int64_t flight_ns = 0;

	if (by) {
		settle(by);
		sender = by->cpu->id;
		n = by->cpu->irqs_sent++;
		flight_ns = machine_ipi_latency(m, by->cpu->id, to->id);
		m->cost_times[by->cpu->socket == to->socket ?
			      COST_IPI_LATENCY : COST_IPI_LATENCY_REMOTE]++;
	} else {
		n = m->irqs_outside++;
	}
	r->cpu = to;
	r->sent = by != NULL;
	r->sink.fire = irq_fire;
	n &= (1ULL << SENDER_SHIFT) - 1;
	engine_at(&m->engine, m->engine.now_ns + flight_ns,
		  event_order(EVENT_INTERRUPT, to->id,
			      sender << SENDER_SHIFT | n), &r->sink, 0);
	if (by)
		work(by, COST_IPI_SEND, 1);
}
