/*
 * Log-linear latency histogram. Row 0 holds 0..63; row r > 0 holds
 * [64 << (r-1), 128 << (r-1)) in 64 buckets of width 1 << (r-1). Bucket width
 * over lower edge is thus at most 1/64. Recording is O(1); reading walks the
 * rows in use, 64 steps a power of two.
 */
#include <stdlib.h>
#include "sim/base/errbuf.h"
#include "sim/base/hist.h"
#include "sim/base/mem.h"

enum {
	ROW_BUCKETS = 1 << HIST_SUB_BITS,
	ROWS = 64 - HIST_SUB_BITS,
};

uint64_t *hist_new_row(struct hist *h, unsigned int row)
{
	h->rows[row] = xcalloc(ROW_BUCKETS, sizeof(h->rows[row][0]));
	return h->rows[row];
}

void hist_bug_negative(int64_t value)
{
	BUG("negative value %lld in a histogram", (long long)value);
}

static unsigned int row_shift(unsigned int row)
{
	return row ? row - 1 : 0;
}

static int64_t bucket_lower(unsigned int row, unsigned int i)
{
	return (int64_t)(row ? ROW_BUCKETS + i : i) << row_shift(row);
}

static int64_t bucket_upper(unsigned int row, unsigned int i)
{
	return bucket_lower(row, i) + (int64_t)((1ULL << row_shift(row)) - 1);
}

static unsigned int row_of(int64_t value)
{
	unsigned int row = 0;

	while (row + 1 < ROWS && value >> (HIST_SUB_BITS + row))
		row++;
	return row;
}

int64_t hist_bucket_lower(int64_t value)
{
	unsigned int shift = row_shift(row_of(value));

	return value >> shift << shift;
}

int64_t hist_bucket_upper(int64_t value)
{
	unsigned int shift = row_shift(row_of(value));

	return value | (int64_t)((1ULL << shift) - 1);
}

void hist_record_many(struct hist *h, int64_t value, uint64_t count)
{
	unsigned int row;

	if (!count)
		return;
	hist_record(h, value);
	row = row_of(value);
	h->rows[row][value >> row_shift(row) & (ROW_BUCKETS - 1)] += count - 1;
	h->count += count - 1;
	h->sum += (__int128)value * (count - 1);
}

void hist_merge(struct hist *into, const struct hist *from)
{
	for (unsigned int r = 0; r < ROWS; r++) {
		if (!from->rows[r])
			continue;
		if (!into->rows[r])
			hist_new_row(into, r);
		for (int i = 0; i < ROW_BUCKETS; i++)
			into->rows[r][i] += from->rows[r][i];
	}
	into->count += from->count;
	into->sum += from->sum;
	if (from->max > into->max)
		into->max = from->max;
}

void hist_release(struct hist *h)
{
	for (unsigned int r = 0; r < ROWS; r++)
		free(h->rows[r]);
	*h = (struct hist){ 0 };
}

int64_t hist_quantile(const struct hist *h, uint32_t num, uint32_t den)
{
	unsigned __int128 exact = (unsigned __int128)h->count * num;
	uint64_t rank, seen = 0;

	BUG_ON(!den || num > den);
	if (!h->count)
		return 0;
	/* the smallest rank that covers the fraction, counted from 1 */
	rank = (uint64_t)((exact + den - 1) / den);
	if (!rank)
		rank = 1;
	for (unsigned int r = 0; r < ROWS; r++) {
		if (!h->rows[r])
			continue;
		for (unsigned int i = 0; i < ROW_BUCKETS; i++) {
			seen += h->rows[r][i];
			if (seen < rank)
				continue;
			return bucket_upper(r, i) < h->max ?
				bucket_upper(r, i) : h->max;
		}
	}
	return h->max;
}

int64_t hist_mean(const struct hist *h)
{
	return h->count ? (int64_t)(h->sum / h->count) : 0;
}

void hist_each(const struct hist *h,
	       void (*fn)(void *arg, int64_t lower, int64_t upper,
			  uint64_t count), void *arg)
{
	for (unsigned int r = 0; r < ROWS; r++) {
		if (!h->rows[r])
			continue;
		for (unsigned int i = 0; i < ROW_BUCKETS; i++)
			if (h->rows[r][i])
				fn(arg, bucket_lower(r, i), bucket_upper(r, i),
				   h->rows[r][i]);
	}
}
