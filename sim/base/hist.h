#ifndef MMREPLAY_BASE_HIST_H
#define MMREPLAY_BASE_HIST_H

#include <stdint.h>
#include <stddef.h>

/*
 * Log-linear histogram of non-negative int64 values. Values below 128 are
 * exact; above, each power of two is cut into 64 buckets, so a reported
 * quantile (the upper edge of its bucket) is at most 1/64 above the sample
 * that it stands for. Count, sum and max are exact.
 */

enum {
	HIST_SUB_BITS = 6,	/* 64 buckets a power of two: error <= 1/64 */
	HIST_BUCKETS = (64 - HIST_SUB_BITS) << HIST_SUB_BITS,
};

/**
 * struct hist - counters are allocated on the first record of a power of two
 * Zero-initialised is empty and valid.
 */
struct hist {
	uint64_t count;
	int64_t max;
	__int128 sum;
	uint64_t *rows[64 - HIST_SUB_BITS];	/* one row of 64 per power of two */
};

/* The slow paths of hist_record(). */
uint64_t *hist_new_row(struct hist *h, unsigned int row);
_Noreturn void hist_bug_negative(int64_t value);

/** hist_record() - O(1), no division; negative values are a BUG */
static inline void hist_record(struct hist *h, int64_t value)
{
	uint64_t v = (uint64_t)value;
	unsigned int shift, row;

	if (__builtin_expect(value < 0, 0))
		hist_bug_negative(value);
	/* v | 64: the rows of 0..63 and of 64..127 have buckets one wide */
	shift = 63u - HIST_SUB_BITS -
		(unsigned int)__builtin_clzll(v | 1u << HIST_SUB_BITS);
	row = shift + (v >> HIST_SUB_BITS != 0);
	if (__builtin_expect(!h->rows[row], 0))
		hist_new_row(h, row);
	h->rows[row][v >> shift & ((1u << HIST_SUB_BITS) - 1)]++;
	h->count++;
	h->sum += value;
	if (value > h->max)
		h->max = value;
}

/** hist_merge() - add every sample of @from to @into */
void hist_merge(struct hist *into, const struct hist *from);
void hist_release(struct hist *h);

/**
 * hist_quantile() - upper edge of the bucket that holds the q-th sample
 * @num/@den: the fraction as integers, e.g. 99/100
 * Return: upper bucket edge (never above max); 0 if empty.
 */
int64_t hist_quantile(const struct hist *h, uint32_t num, uint32_t den);

/** hist_mean() - sum / count, rounded down; 0 if empty */
int64_t hist_mean(const struct hist *h);

/** hist_each() - call @fn for every non-empty bucket in ascending order */
void hist_each(const struct hist *h,
	       void (*fn)(void *arg, int64_t lower, int64_t upper,
			  uint64_t count), void *arg);

/** hist_bucket_lower() - smallest value that shares the bucket of @value */
int64_t hist_bucket_lower(int64_t value);

/** hist_bucket_upper() - largest value that shares the bucket of @value */
int64_t hist_bucket_upper(int64_t value);

/** hist_record_many() - @count samples of @value at once */
void hist_record_many(struct hist *h, int64_t value, uint64_t count);

#endif
