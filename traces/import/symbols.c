/*
 * Names of flags and errors, as strace, perf trace and sysdig print them.
 * Values: include/uapi of Linux, those of x86-64 and arm64 alike.
 *
 * Invariant: sorted by name, looked up by bisection.
 */
#include <stdlib.h>
#include <string.h>
#include "traces/import/calltext.h"

static const struct symbol {
	const char *name;
	uint64_t value;
} symbols[] = {
	{ "CLONE_CHILD_CLEARTID", 0x200000 },
	{ "CLONE_CHILD_SETTID", 0x1000000 },
	{ "CLONE_CLEAR_SIGHAND", 0x100000000 },
	{ "CLONE_DETACHED", 0x400000 },
	{ "CLONE_FILES", 0x400 },
	{ "CLONE_FS", 0x200 },
	{ "CLONE_INTO_CGROUP", 0x200000000 },
	{ "CLONE_IO", 0x80000000 },
	{ "CLONE_NEWCGROUP", 0x2000000 },
	{ "CLONE_NEWIPC", 0x8000000 },
	{ "CLONE_NEWNET", 0x40000000 },
	{ "CLONE_NEWNS", 0x20000 },
	{ "CLONE_NEWPID", 0x20000000 },
	{ "CLONE_NEWUSER", 0x10000000 },
	{ "CLONE_NEWUTS", 0x4000000 },
	{ "CLONE_PARENT", 0x8000 },
	{ "CLONE_PARENT_SETTID", 0x100000 },
	{ "CLONE_PIDFD", 0x1000 },
	{ "CLONE_PTRACE", 0x2000 },
	{ "CLONE_SETTLS", 0x80000 },
	{ "CLONE_SIGHAND", 0x800 },
	{ "CLONE_SYSVSEM", 0x40000 },
	{ "CLONE_THREAD", 0x10000 },
	{ "CLONE_UNTRACED", 0x800000 },
	{ "CLONE_VFORK", 0x4000 },
	{ "CLONE_VM", 0x100 },
	{ "MADV_COLD", 20 },
	{ "MADV_COLLAPSE", 25 },
	{ "MADV_DODUMP", 17 },
	{ "MADV_DOFORK", 11 },
	{ "MADV_DONTDUMP", 16 },
	{ "MADV_DONTFORK", 10 },
	{ "MADV_DONTNEED", 4 },
	{ "MADV_DONTNEED_LOCKED", 24 },
	{ "MADV_FREE", 8 },
	{ "MADV_GUARD_INSTALL", 102 },
	{ "MADV_GUARD_REMOVE", 103 },
	{ "MADV_HUGEPAGE", 14 },
	{ "MADV_HWPOISON", 100 },
	{ "MADV_KEEPONFORK", 19 },
	{ "MADV_MERGEABLE", 12 },
	{ "MADV_NOHUGEPAGE", 15 },
	{ "MADV_NORMAL", 0 },
	{ "MADV_PAGEOUT", 21 },
	{ "MADV_POPULATE_READ", 22 },
	{ "MADV_POPULATE_WRITE", 23 },
	{ "MADV_RANDOM", 1 },
	{ "MADV_REMOVE", 9 },
	{ "MADV_SEQUENTIAL", 2 },
	{ "MADV_SOFT_OFFLINE", 101 },
	{ "MADV_UNMERGEABLE", 13 },
	{ "MADV_WILLNEED", 3 },
	{ "MADV_WIPEONFORK", 18 },
	{ "MAP_ANONYMOUS", 0x20 },
	{ "MAP_DENYWRITE", 0x800 },
	{ "MAP_EXECUTABLE", 0x1000 },
	{ "MAP_FILE", 0 },
	{ "MAP_FIXED", 0x10 },
	{ "MAP_FIXED_NOREPLACE", 0x100000 },
	{ "MAP_GROWSDOWN", 0x100 },
	{ "MAP_HUGETLB", 0x40000 },
	{ "MAP_HUGE_1GB", 30u << 26 },
	{ "MAP_HUGE_2MB", 21u << 26 },
	{ "MAP_LOCKED", 0x2000 },
	{ "MAP_NONBLOCK", 0x10000 },
	{ "MAP_NORESERVE", 0x4000 },
	{ "MAP_POPULATE", 0x8000 },
	{ "MAP_PRIVATE", 2 },
	{ "MAP_SHARED", 1 },
	{ "MAP_SHARED_VALIDATE", 3 },
	{ "MAP_STACK", 0x20000 },
	{ "MAP_SYNC", 0x80000 },
	{ "MLOCK_ONFAULT", 1 },
	{ "MREMAP_DONTUNMAP", 4 },
	{ "MREMAP_FIXED", 2 },
	{ "MREMAP_MAYMOVE", 1 },
	{ "NULL", 0 },
	{ "PROT_EXEC", 4 },
	{ "PROT_GROWSDOWN", 0x1000000 },
	{ "PROT_GROWSUP", 0x2000000 },
	{ "PROT_NONE", 0 },
	{ "PROT_READ", 1 },
	{ "PROT_SEM", 8 },
	{ "PROT_WRITE", 2 },
	{ "SIGCHLD", 17 },
};

static int compare(const void *key, const void *row)
{
	return strcmp(key, ((const struct symbol *)row)->name);
}

bool symbol_value(const char *prefix, const char *p, size_t n, uint64_t *v)
{
	char name[64];
	size_t before = strlen(prefix);
	const struct symbol *s;

	if (n + before >= sizeof(name))
		return false;
	memcpy(name, prefix, before);
	memcpy(name + before, p, n);
	name[before + n] = 0;
	s = bsearch(name, symbols, sizeof(symbols) / sizeof(*symbols),
		    sizeof(*symbols), compare);
	if (s)
		*v = s->value;
	return s != NULL;
}

/* the kernel's own numbers for restarts; a program never sees them */
static const struct symbol restarts[] = {
	{ "ERESTARTSYS", 512 }, { "ERESTARTNOINTR", 513 },
	{ "ERESTARTNOHAND", 514 }, { "ERESTART_RESTARTBLOCK", 516 },
};

int errno_value(const char *p, size_t n)
{
	for (int i = 1; i < 134; i++) {
		const char *name = strerrorname_np(i);

		if (name && strlen(name) == n && !memcmp(name, p, n))
			return i;
	}
	for (int i = 0; i < 4; i++) {
		if (strlen(restarts[i].name) == n &&
		    !memcmp(restarts[i].name, p, n))
			return (int)restarts[i].value;
	}
	return 0;
}
