/*
 * Naming the policy or op whose fiber ran out of stack.
 *
 * A touch of a guard page arrives as SIGSEGV (SIGBUS on some systems) on an
 * alternate stack; the handler looks the address up in the slabs, says whose
 * stack it was (below a slab without guard pages: that of who runs), then lets
 * the fault happen again under the handler that was there before. A signal
 * handler has no argument of ours, so the list of live pools, the alternate
 * stack and the old handlers are the one place in the simulator with file-scope
 * state. Not for use by several threads at once.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sim/base/mem.h"
#include "sim/engine/fiber_impl.h"

enum { ALT_STACK_BYTES = 64 << 10 };

static struct {
	struct fiber_pool *pools;
	struct sigaction old_segv, old_bus;
	stack_t old_stack;
	void *stack;
} guard;

static void say(const char *s)
{
	if (write(STDERR_FILENO, s, strlen(s)) < 0)
		return;		/* nothing is left to be told */
}

static void say_overflow(const struct fiber *f)
{
	say("mmreplay: fiber stack overflow in ");
	say(f->what ? f->what : "an unnamed fiber");
	say("\n");
}

_Noreturn void fiber_overflow(const struct fiber *f)
{
	say_overflow(f);
	abort();
}

static const struct fiber *guard_owner(const char *addr)
{
	for (struct fiber_pool *p = guard.pools; p; p = p->next)
		for (struct fiber_slab *s = p->slabs; s; s = s->next) {
			size_t at = (size_t)(addr - s->base);

			if (addr < s->base || at >= s->bytes)
				continue;
			if (!s->guard_bytes && at < s->page_bytes)
				return p->running;
			if (at % s->stride < s->guard_bytes)
				return &s->fiber[at / s->stride];
		}
	return NULL;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	const struct fiber *f = guard_owner(info->si_addr);

	(void)context;
	if (f)
		say_overflow(f);
	sigaction(sig, sig == SIGSEGV ? &guard.old_segv : &guard.old_bus, NULL);
}

void fiber_guard_add(struct fiber_pool *p)
{
	struct sigaction act = { .sa_sigaction = on_fault,
				 .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t st = { .ss_size = ALT_STACK_BYTES };

	p->next = guard.pools;
	guard.pools = p;
	if (p->next)
		return;
	guard.stack = xcalloc(1, ALT_STACK_BYTES);
	st.ss_sp = guard.stack;
	sigaltstack(&st, &guard.old_stack);
	sigemptyset(&act.sa_mask);
	sigaction(SIGSEGV, &act, &guard.old_segv);
	sigaction(SIGBUS, &act, &guard.old_bus);
}

void fiber_guard_remove(struct fiber_pool *p)
{
	struct fiber_pool **at = &guard.pools;

	while (*at && *at != p)
		at = &(*at)->next;
	if (*at)
		*at = p->next;
	if (guard.pools)
		return;
	sigaction(SIGSEGV, &guard.old_segv, NULL);
	sigaction(SIGBUS, &guard.old_bus, NULL);
	sigaltstack(&guard.old_stack, NULL);
	free(guard.stack);
	guard.stack = NULL;
}
