/*
 * The op model's tables: names of kinds and fault paths, and the helpers
 * that every user of a trace header needs.
 *
 * Invariant: op_kinds[] is generated from TRACE_KINDS, so that a kind has one
 * row in the source; nargs is counted at compile time from the same string.
 */
#include <stdlib.h>
#include <string.h>
#include "traces/trace.h"

/* commas + 1 in a literal of at most 64 characters; 0 for "" */
#define C1(s, i) (sizeof(s) > (i) && (s)[(i) < sizeof(s) ? (i) : 0] == ',')
#define C8(s, i) (C1(s, i) + C1(s, i + 1) + C1(s, i + 2) + C1(s, i + 3) + \
		  C1(s, i + 4) + C1(s, i + 5) + C1(s, i + 6) + C1(s, i + 7))
#define COUNT_ARGS(s) (unsigned)(sizeof(s) == 1 ? 0 : 1 + C8(s, 0u) + \
	C8(s, 8u) + C8(s, 16u) + C8(s, 24u) + C8(s, 32u) + C8(s, 40u) + \
	C8(s, 48u) + C8(s, 56u))

const struct op_kind_info op_kinds[OP_KIND_COUNT] = {
#define KIND(id, kind_name, kind_class, arg_names, result_name) \
	[OP_##id] = { kind_name, OP_CLASS_##kind_class, arg_names, \
		      result_name, COUNT_ARGS(arg_names) },
	TRACE_KINDS(KIND)
#undef KIND
};

const char *const fault_path_names[FAULT_PATH_COUNT] = {
	[FAULT_PATH_UNKNOWN] = "unknown",
	[FAULT_PATH_VMA] = "vma",
	[FAULT_PATH_VMA_TRYLOCK] = "vma+trylock",
	[FAULT_PATH_RETRY] = "retry",
	[FAULT_PATH_MMAP] = "mmap",
	[FAULT_PATH_TRYLOCK_OR_MMAP] = "trylock-or-mmap",
};

int op_kind_find(const char *name)
{
	for (int k = 0; k < OP_KIND_COUNT; k++) {
		if (!strcmp(op_kinds[k].name, name))
			return k;
	}
	return -1;
}

void trace_header_release(struct trace_header *h)
{
	for (uint32_t i = 0; i < h->mm_count; i++)
		free(h->mms[i].areas);
	free(h->mms);
	free(h->tasks);
	free(h->mm_alias);
	h->mms = NULL;
	h->tasks = NULL;
	h->mm_alias = NULL;
	h->mm_count = h->task_count = h->mm_alias_count = 0;
}

uint32_t kernel_version(const char *release)
{
	uint32_t part[3] = { 0, 0, 0 };
	const char *p = release;

	for (int i = 0; i < 3; i++) {
		if (*p < '0' || *p > '9')
			return i < 2 ? 0 : KVER(part[0], part[1], 0);
		while (*p >= '0' && *p <= '9' && part[i] < 1000)
			part[i] = part[i] * 10 + (uint32_t)(*p++ - '0');
		if (part[i] >= 1000)
			return 0;
		if (*p != '.')
			return i < 1 ? 0 : KVER(part[0], part[1], part[2]);
		p++;
	}
	return KVER(part[0], part[1], part[2]);
}
