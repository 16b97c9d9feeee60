/*
 * Switching stacks: own code on x86-64 and arm64, ucontext elsewhere (or with
 * -DFIBER_UCONTEXT).
 *
 * A switch saves what the calling convention says a function keeps, and the
 * modes of the floating-point unit, on the stack that is left; everything
 * else is dead across a call. CFI makes debuggers unwind through a switch and
 * stop at the bottom of a fiber.
 *
 * Cost: some 20 instructions, no system call (ucontext: one).
 */
#include <string.h>
#include "sim/engine/fiber_impl.h"

#ifndef FIBER_UCONTEXT

void mmreplay_fiber_switch(void **save_sp, void *load_sp);
void mmreplay_fiber_start(void);

#ifdef __x86_64__
__asm__(
	".text\n"
	".p2align 4\n"
	".globl mmreplay_fiber_switch\n"
	".hidden mmreplay_fiber_switch\n"
	".type mmreplay_fiber_switch, @function\n"
	"mmreplay_fiber_switch:\n"
	"	.cfi_startproc\n"
	"	pushq %rbp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %rbp, 0\n"
	"	pushq %rbx\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %rbx, 0\n"
	"	pushq %r12\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %r12, 0\n"
	"	pushq %r13\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %r13, 0\n"
	"	pushq %r14\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %r14, 0\n"
	"	pushq %r15\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %r15, 0\n"
	"	subq $8, %rsp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	stmxcsr (%rsp)\n"
	"	fnstcw 4(%rsp)\n"
	"	movl (%rsp), %eax\n"
	"	movzwl 4(%rsp), %ecx\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"	/* same frame layout: the CFI holds on */
	/* loading the modes is slow, and they hardly ever differ */
	"	cmpl (%rsp), %eax\n"
	"	je 1f\n"
	"	ldmxcsr (%rsp)\n"
	"1:	cmpw 4(%rsp), %cx\n"
	"	je 2f\n"
	"	fldcw 4(%rsp)\n"
	"2:	addq $8, %rsp\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	popq %r15\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_restore %r15\n"
	"	popq %r14\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_restore %r14\n"
	"	popq %r13\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_restore %r13\n"
	"	popq %r12\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_restore %r12\n"
	"	popq %rbx\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_restore %rbx\n"
	"	popq %rbp\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_restore %rbp\n"
	/* not ret: the return stack would predict the stack that we left */
	"	popq %rcx\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_register %rip, %rcx\n"
	"	jmp *%rcx\n"
	"	.cfi_endproc\n"
	".size mmreplay_fiber_switch, .-mmreplay_fiber_switch\n"

	".p2align 4\n"
	".globl mmreplay_fiber_start\n"
	".hidden mmreplay_fiber_start\n"
	".type mmreplay_fiber_start, @function\n"
	"mmreplay_fiber_start:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined %rip\n"	/* the bottom of the stack */
	"	xorl %ebp, %ebp\n"
	"	movq %r12, %rdi\n"
	"	call *%r13\n"
	"	ud2\n"
	"	.cfi_endproc\n"
	".size mmreplay_fiber_start, .-mmreplay_fiber_start\n"
);

/* As if the switch had been called from mmreplay_fiber_start. */
struct frame {
	uint32_t mxcsr;
	uint16_t x87_cw, pad;
	void *r15, *r14, *r13, *r12, *rbx, *rbp, *rip;
	void *align;		/* the entry wants rsp = 8 mod 16 before call */
};

void fiber_prepare(struct fiber *f)
{
	char *top = fiber_top(f);
	struct frame *s = (struct frame *)(void *)(top - sizeof(*s) - 8);

	memset(s, 0, sizeof(*s) + 8);
	s->r12 = f;
	__extension__ s->r13 = (void *)fiber_body;
	__extension__ s->rip = (void *)mmreplay_fiber_start;
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1"
			 : "=m"(s->mxcsr), "=m"(s->x87_cw));
	f->sp = s;
}

#else /* __aarch64__ */
__asm__(
	".text\n"
	".p2align 4\n"
	".globl mmreplay_fiber_switch\n"
	".hidden mmreplay_fiber_switch\n"
	".type mmreplay_fiber_switch, %function\n"
	"mmreplay_fiber_switch:\n"
	"	.cfi_startproc\n"
	"	sub sp, sp, #176\n"
	"	.cfi_adjust_cfa_offset 176\n"
	"	stp x29, x30, [sp]\n"
	"	.cfi_rel_offset x29, 0\n"
	"	.cfi_rel_offset x30, 8\n"
	"	stp x19, x20, [sp, #16]\n"
	"	.cfi_rel_offset x19, 16\n"
	"	.cfi_rel_offset x20, 24\n"
	"	stp x21, x22, [sp, #32]\n"
	"	.cfi_rel_offset x21, 32\n"
	"	.cfi_rel_offset x22, 40\n"
	"	stp x23, x24, [sp, #48]\n"
	"	.cfi_rel_offset x23, 48\n"
	"	.cfi_rel_offset x24, 56\n"
	"	stp x25, x26, [sp, #64]\n"
	"	.cfi_rel_offset x25, 64\n"
	"	.cfi_rel_offset x26, 72\n"
	"	stp x27, x28, [sp, #80]\n"
	"	.cfi_rel_offset x27, 80\n"
	"	.cfi_rel_offset x28, 88\n"
	"	stp d8, d9, [sp, #96]\n"
	"	stp d10, d11, [sp, #112]\n"
	"	stp d12, d13, [sp, #128]\n"
	"	stp d14, d15, [sp, #144]\n"
	"	mrs x9, fpcr\n"
	"	str x9, [sp, #160]\n"
	"	mov x10, sp\n"
	"	str x10, [x0]\n"
	"	mov sp, x1\n"
	"	ldr x9, [sp, #160]\n"
	"	msr fpcr, x9\n"
	"	ldp d14, d15, [sp, #144]\n"
	"	ldp d12, d13, [sp, #128]\n"
	"	ldp d10, d11, [sp, #112]\n"
	"	ldp d8, d9, [sp, #96]\n"
	"	ldp x27, x28, [sp, #80]\n"
	"	ldp x25, x26, [sp, #64]\n"
	"	ldp x23, x24, [sp, #48]\n"
	"	ldp x21, x22, [sp, #32]\n"
	"	ldp x19, x20, [sp, #16]\n"
	"	ldp x29, x30, [sp]\n"
	"	.cfi_restore x19\n"
	"	.cfi_restore x20\n"
	"	.cfi_restore x21\n"
	"	.cfi_restore x22\n"
	"	.cfi_restore x23\n"
	"	.cfi_restore x24\n"
	"	.cfi_restore x25\n"
	"	.cfi_restore x26\n"
	"	.cfi_restore x27\n"
	"	.cfi_restore x28\n"
	"	.cfi_restore x29\n"
	"	.cfi_restore x30\n"
	"	add sp, sp, #176\n"
	"	.cfi_adjust_cfa_offset -176\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size mmreplay_fiber_switch, .-mmreplay_fiber_switch\n"

	".p2align 4\n"
	".globl mmreplay_fiber_start\n"
	".hidden mmreplay_fiber_start\n"
	".type mmreplay_fiber_start, %function\n"
	"mmreplay_fiber_start:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined x30\n"	/* the bottom of the stack */
	"	mov x29, xzr\n"
	"	mov x30, xzr\n"
	"	mov x0, x19\n"
	"	blr x20\n"
	"	brk #1\n"
	"	.cfi_endproc\n"
	".size mmreplay_fiber_start, .-mmreplay_fiber_start\n"
);

struct frame {
	void *x29, *x30, *x19, *x20, *x21_28[8];
	uint64_t d8_15[8], fpcr, pad;
};

void fiber_prepare(struct fiber *f)
{
	char *top = fiber_top(f);
	struct frame *s = (struct frame *)(void *)(top - sizeof(*s));

	memset(s, 0, sizeof(*s));
	s->x19 = f;
	__extension__ s->x20 = (void *)fiber_body;
	__extension__ s->x30 = (void *)mmreplay_fiber_start;
	__asm__ volatile("mrs %0, fpcr" : "=r"(s->fpcr));
	f->sp = s;
}
#endif

void fiber_switch(struct fiber *from, struct fiber *to)
{
	mmreplay_fiber_switch(&from->sp, to->sp);
}

#else /* FIBER_UCONTEXT */

/* makecontext() passes ints only: a pointer travels as two of them. */
static void ucontext_start(unsigned hi, unsigned lo)
{
	uintptr_t p = (uintptr_t)((uint64_t)hi << 32 | lo);

	fiber_body((struct fiber *)p);
}

void fiber_prepare(struct fiber *f)
{
	uint64_t p = (uintptr_t)f;

	getcontext(&f->context);
	f->context.uc_stack.ss_sp = f->stack;
	f->context.uc_stack.ss_size = FIBER_STACK_BYTES;
	f->context.uc_link = NULL;
	makecontext(&f->context, (void (*)(void))ucontext_start, 2,
		    (unsigned)(p >> 32), (unsigned)p);
}

void fiber_switch(struct fiber *from, struct fiber *to)
{
	swapcontext(&from->context, &to->context);
}
#endif
