/* What records make and remove, see seen.h. O(log runs) a record. */
#include "traces/edit/seen.h"

struct range seen_pages(uint64_t addr, uint64_t len)
{
	if (!len || addr >= USER_END || len > USER_END - addr)
		return (struct range){ 0, 0 };
	return (struct range){ page_down(addr), page_up(addr + len) };
}

static bool succeeded(const struct op *op)
{
	return op->flags & OPF_RESULT_KNOWN && !(op->flags & OPF_FAILED);
}

void seen_row(struct seen *s, const struct trace_mm *row)
{
	for (uint32_t i = 0; i < row->area_count; i++) {
		const struct trace_area *a = &row->areas[i];

		rangemap_set(&s->map, (struct range){ a->start, a->end },
			     SEEN_MADE);
		if (a->flags & AREA_HEAP)
			s->brk = a->end;
	}
}

void seen_copy(struct seen *s, const struct seen *from)
{
	struct range_run run;

	for (uint64_t at = 0; rangemap_next(&from->map, at, &run);
	     at = run.r.end)
		rangemap_set(&s->map, run.r, run.value);
	s->brk = from->brk;
}

static void seen_brk(struct seen *s, uint64_t now)
{
	if (now >= USER_END)
		return;
	if (s->brk && now > s->brk)
		rangemap_set(&s->map, (struct range){ page_up(s->brk),
						      page_up(now) },
			     SEEN_MADE);
	else if (now < s->brk)
		rangemap_set(&s->map, (struct range){ page_up(now),
						      page_up(s->brk) },
			     SEEN_EMPTY);
	s->brk = now;
}

void seen_op(struct seen *s, const struct op *op)
{
	uint64_t result = (uint64_t)op->result;

	if (!succeeded(op))
		return;
	switch (op->kind) {
	case OP_MMAP:
		rangemap_set(&s->map, seen_pages(result, op->arg[1]), SEEN_MADE);
		break;
	case OP_MUNMAP:
		rangemap_set(&s->map, seen_pages(op->arg[0], op->arg[1]),
			     SEEN_EMPTY);
		break;
	case OP_MREMAP:
		rangemap_set(&s->map, seen_pages(op->arg[0], op->arg[1]),
			     SEEN_EMPTY);
		rangemap_set(&s->map, seen_pages(result, op->arg[2]), SEEN_MADE);
		break;
	case OP_BRK:
		seen_brk(s, result);
		break;
	default:
		break;
	}
}

struct range seen_needs(const struct op *op)
{
	switch (op->kind) {
	case OP_FAULT:
		return seen_pages(op->arg[0], 1);
	case OP_MUNMAP: case OP_MREMAP: case OP_MPROTECT: case OP_MADVISE:
	case OP_MLOCK:
		if (succeeded(op))
			return seen_pages(op->arg[0], op->arg[1]);
		break;
	default:
		break;
	}
	return (struct range){ 0, 0 };
}
