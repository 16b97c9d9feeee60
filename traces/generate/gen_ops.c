/*
 * Records of each kind and layouts: the vocabulary in which workloads are
 * written. Arguments stand as trace.h and the importers have them (flags and
 * protections as the kernel spells them).
 */
#include "traces/generate/gen.h"

struct range gen_slot(uint64_t base, uint64_t slot, uint64_t bytes)
{
	uint64_t start = base + slot * (bytes + PAGE_BYTES);

	return (struct range){ start, start + bytes };
}

struct range gen_scattered(const struct gen *g, uint64_t base, uint64_t slot,
			   uint64_t bytes)
{
	uint64_t off = draw(g->common->seed, slot, DRAW_WORKLOAD, base) % 4;
	uint64_t start = base + slot * (bytes + 4 * PAGE_BYTES) +
			 off * PAGE_BYTES;

	return (struct range){ start, start + bytes };
}

/* A static program: what `cat /proc/self/maps` of one shows, rounded. */
void gen_base_layout(struct gen *g, uint32_t mm)
{
	static const struct {
		uint64_t start, pages, resident;
		uint32_t flags;
		const char *name;
	} area[GEN_BASE_AREAS] = {
		{ 0x400000, 1, 1, AREA_READ | AREA_FILE, "program" },
		{ 0x401000, 200, 120, AREA_READ | AREA_EXEC | AREA_FILE,
		  "program" },
		{ 0x4c9000, 8, 8, AREA_READ | AREA_WRITE | AREA_FILE,
		  "program" },
		{ 0x12961000, 33, 4, AREA_READ | AREA_WRITE | AREA_HEAP,
		  "[heap]" },
		{ 0x7ffc00000000, 33, 4, AREA_READ | AREA_WRITE | AREA_STACK,
		  "[stack]" },
		{ 0x7ffc00100000, 4, 0, AREA_READ | AREA_SPECIAL, "[vvar]" },
		{ 0x7ffc00104000, 1, 1, AREA_READ | AREA_EXEC | AREA_SPECIAL,
		  "[vdso]" },
	};

	for (uint32_t i = 0; i < GEN_BASE_AREAS; i++) {
		struct range r = { area[i].start,
				   area[i].start + area[i].pages * PAGE_BYTES };

		gen_area(g, mm, r, area[i].flags, area[i].resident,
			 area[i].name);
	}
}

/* ---- system calls ---- */

void gen_mmap(struct gen *g, struct gen_task *t, struct range r, uint64_t prot,
	      uint64_t flags)
{
	uint64_t arg[] = { 0, range_bytes(r), prot, flags, UINT32_MAX, 0 };

	gen_op(g, t, OP_MMAP, arg, 6, (int64_t)r.start);
}

void gen_munmap(struct gen *g, struct gen_task *t, struct range r)
{
	gen_op(g, t, OP_MUNMAP, (uint64_t[]){ r.start, range_bytes(r) }, 2, 0);
}

void gen_mprotect(struct gen *g, struct gen_task *t, struct range r,
		  uint64_t prot)
{
	gen_op(g, t, OP_MPROTECT,
	       (uint64_t[]){ r.start, range_bytes(r), prot }, 3, 0);
}

void gen_mremap(struct gen *g, struct gen_task *t, struct range from,
		struct range to)
{
	/* MREMAP_MAYMOVE: the address is the kernel's choice */
	uint64_t arg[] = { from.start, range_bytes(from), range_bytes(to), 1,
			   0 };

	gen_op(g, t, OP_MREMAP, arg, 5, (int64_t)to.start);
}

void gen_madvise(struct gen *g, struct gen_task *t, struct range r,
		 uint64_t behavior)
{
	gen_op(g, t, OP_MADVISE,
	       (uint64_t[]){ r.start, range_bytes(r), behavior }, 3, 0);
}

/* ---- faults: error code bits are 1 present, 2 write, 4 user ---- */

static void fault(struct gen *g, struct gen_task *t, uint64_t addr,
		  uint64_t error_code)
{
	gen_op(g, t, OP_FAULT,
	       (uint64_t[]){ addr, GEN_TEXT_IP, error_code, 0 }, 4, 0);
}

void gen_write_fault(struct gen *g, struct gen_task *t, uint64_t addr)
{
	fault(g, t, addr, 6);
}

void gen_cow_fault(struct gen *g, struct gen_task *t, uint64_t addr)
{
	fault(g, t, addr, 7);
}

/* ---- the kernel's own address space ---- */

#define VMALLOC_START 0xffffc90000000000ULL
#define VMALLOC_END 0xffffe8ffffffffffULL

void gen_vmalloc(struct gen *g, struct gen_task *t, struct range va,
		 uint64_t align)
{
	uint64_t arg[] = { va.start, range_bytes(va), align, VMALLOC_START,
			   VMALLOC_END };

	gen_op(g, t, OP_VMALLOC, arg, 5, 0);
}

void gen_vfree(struct gen *g, struct gen_task *t, struct range va)
{
	gen_op(g, t, OP_VFREE, (uint64_t[]){ va.start, range_bytes(va), 0, 0 },
	       4, 0);
}

void gen_map_pages(struct gen *g, struct gen_task *t, enum op_kind kind,
		   struct range va)
{
	uint64_t arg[] = { va.start, range_bytes(va), PAGE_BYTES, VMALLOC_START,
			   VMALLOC_END };

	gen_op(g, t, kind, arg, kind == OP_VMAP ? 5 : 2, 0);
}

void gen_unmap_pages(struct gen *g, struct gen_task *t, enum op_kind kind,
		     struct range va)
{
	gen_op(g, t, kind, (uint64_t[]){ va.start, range_bytes(va) }, 2, 0);
}

void gen_proc_read(struct gen *g, struct gen_task *t, enum op_kind kind,
		   uint32_t target_mm)
{
	gen_op(g, t, kind, (uint64_t[]){ target_mm }, 1, 0);
}
