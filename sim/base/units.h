#ifndef MMREPLAY_BASE_UNITS_H
#define MMREPLAY_BASE_UNITS_H

#include <stdint.h>

/* The one place where units are converted. Times are int64_t nanoseconds. */
typedef int64_t sim_ns;

#define NSEC_PER_USEC 1000LL
#define NSEC_PER_MSEC 1000000LL
#define NSEC_PER_SEC 1000000000LL

#define PAGE_SHIFT 12
#define PAGE_BYTES (1ULL << PAGE_SHIFT)
#define PMD_SHIFT 21
#define PMD_BYTES (1ULL << PMD_SHIFT)
#define PMD_PAGES (1U << (PMD_SHIFT - PAGE_SHIFT))

/** struct range - half-open [start, end) of bytes */
struct range {
	uint64_t start, end;
};

static inline uint64_t range_bytes(struct range r)
{
	return r.end - r.start;
}

static inline uint64_t range_pages(struct range r)
{
	return (r.end - r.start) >> PAGE_SHIFT;
}

static inline uint64_t page_down(uint64_t addr)
{
	return addr & ~(PAGE_BYTES - 1);
}

static inline uint64_t page_up(uint64_t addr)
{
	return (addr + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

#endif
