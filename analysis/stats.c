/*
 * Means, deviations and Student's t for a handful of replicates. sqrt() is the
 * only function of libm here, and IEEE 754 fixes its last bit; quantiles come
 * from a table, so that every machine prints the same digits.
 */
#include <math.h>
#include "analysis/stats.h"

/* Two-sided 95 % (0.975 quantile), any textbook's table. */
static const double t_975[] = {
	0,	12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262,
	2.228,	2.201,	2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093,
	2.086,	2.080,	2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045,
	2.042,
};

double t_quantile(uint32_t degrees)
{
	if (degrees <= 30)
		return t_975[degrees];
	if (degrees < 40)
		return 2.042;
	if (degrees < 60)
		return 2.021;
	if (degrees < 120)
		return 2.000;
	return 1.980;
}

struct sample sample_of(const double *values, uint32_t n)
{
	struct sample s = { .n = n };
	double sum = 0, squares = 0;
	bool equal = true;

	if (!n)
		return s;
	for (uint32_t i = 0; i < n; i++) {
		sum += values[i];
		equal = equal && values[i] == values[0];
	}
	s.mean = equal ? values[0] : sum / n;
	for (uint32_t i = 0; i < n; i++)
		squares += (values[i] - s.mean) * (values[i] - s.mean);
	if (n > 1)
		s.sd = sqrt(squares / (n - 1));
	s.exact = equal && n >= PAIRS_MIN;
	return s;
}

struct change change_of(const double *d, uint32_t n)
{
	struct sample s = sample_of(d, n);
	struct change c = { .pairs = n, .mean = s.mean };

	if (n < PAIRS_MIN)
		return c;
	c.claimed = true;
	c.exact = s.exact;
	c.half_width = s.exact ? 0 : t_quantile(n - 1) * s.sd / sqrt(n);
	c.marked = fabs(c.mean) > c.half_width;
	return c;
}
