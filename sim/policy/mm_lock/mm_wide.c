/*
 * mm_lock: mm-wide. One rw_semaphore for the whole address space, to 6.3 and
 * wherever CONFIG_PER_VMA_LOCK is off.
 *
 * Every fault takes mmap_lock for reading: two atomics on one line, whoever
 * faults where; every change takes it for writing.
 */
#include "sim/mm/mmap_sem.h"

static void wide_fault(struct task *t, struct mm *mm, struct fault *f)
{
	fault_under_mmap_lock(t, mm, f, KOP_PATH_MMAP);
}

const struct mm_lock_ops mm_lock_mm_wide = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct mm_lock_ops),
		.axis = "mm_lock", .name = "mm-wide",
		.models = "do_user_addr_fault() to 6.3: mmap_lock for every fault",
		.source = "arch/x86/mm/fault.c to 6.3 (from memory)",
		.provides = TRAIT_MMAP_READ_LOCK,
		.inert = AXIS_BIT(AXIS_VMA_LOCK_PLACE) | AXIS_BIT(AXIS_FAULT_SCOPE),
	},
	.mm_bytes = sizeof(struct rwsem),
	.mm_init = mmap_sem_init, .mm_release = mmap_sem_release,
	.fault = wide_fault,
	.write_begin = mmap_sem_write, .write_to_read = mmap_sem_downgrade,
	.write_end = mmap_sem_write_end,
	.read_begin = mmap_sem_read, .read_end = mmap_sem_read_end,
	.read_trylock = mmap_sem_read_trylock,
	.write_held = mmap_sem_write_held,
};
