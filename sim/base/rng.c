/*
 * Stateless draws. The hash is a chain of 64-bit finalisers (the output step
 * of splitmix64, a bijection with full avalanche), one per input, so nearby
 * seeds, ids and counters give unrelated bits. O(1), no memory, no float.
 */
#include "sim/base/errbuf.h"
#include "sim/base/rng.h"

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

uint64_t draw(uint64_t seed, uint64_t id, uint32_t purpose, uint64_t n)
{
	/* the golden ratio keeps all-zero inputs away from the fixed point 0 */
	uint64_t h = mix(seed + 0x9e3779b97f4a7c15ULL);

	h = mix(h ^ id);
	h = mix(h + purpose * 0x9e3779b97f4a7c15ULL);
	return mix(h ^ n);
}

uint64_t draw_below(uint64_t bits, uint64_t bound)
{
	BUG_ON(!bound);
	return (uint64_t)((unsigned __int128)bits * bound >> 64);
}

/*
 * ln(1 + i/128) in units of 2^-32, rounded to nearest; generated with 50
 * decimal digits by
 *   round((Decimal(128 + i) / 128).ln() * 2**32) for i in range(129)
 * Linear interpolation between entries is off by at most (1/128)^2 / 8.
 */
static const uint64_t ln_q32[129] = {
	0, 33424039, 66589974, 99501762, 132163268, 164578269,
	196750459, 228683449, 260380768, 291845871, 323082134, 354092863,
	384881291, 415450582, 445803834, 475944079, 505874286, 535597362,
	565116154, 594433450, 623551984, 652474432, 681203418, 709741511,
	738091233, 766255054, 794235396, 822034634, 849655098, 877099072,
	904368797, 931466472, 958394255, 985154263, 1011748572, 1038179224,
	1064448219, 1090557523, 1116509066, 1142304743, 1167946415, 1193435910,
	1218775023, 1243965519, 1269009132, 1293907562, 1318662486, 1343275546,
	1367748360, 1392082518, 1416279581, 1440341085, 1464268541, 1488063435,
	1511727226, 1535261353, 1558667227, 1581946239, 1605099758, 1628129128,
	1651035675, 1673820701, 1696485489, 1719031300, 1741459379, 1763770948,
	1785967210, 1808049353, 1830018543, 1851875930, 1873622647, 1895259807,
	1916788510, 1938209838, 1959524856, 1980734614, 2001840147, 2022842474,
	2043742599, 2064541513, 2085240191, 2105839594, 2126340670, 2146744353,
	2167051565, 2187263213, 2207380193, 2227403387, 2247333665, 2267171887,
	2286918897, 2306575533, 2326142616, 2345620959, 2365011363, 2384314620,
	2403531508, 2422662797, 2441709246, 2460671605, 2479550612, 2498346998,
	2517061482, 2535694775, 2554247578, 2572720585, 2591114477, 2609429930,
	2627667611, 2645828176, 2663912276, 2681920551, 2699853634, 2717712152,
	2735496721, 2753207951, 2770846446, 2788412798, 2805907598, 2823331424,
	2840684851, 2857968445, 2875182766, 2892328366, 2909405794, 2926415587,
	2943358281, 2960234402, 2977044472,
};

#define LN2_Q32 ln_q32[128]
#define CAP_Q32 (22ULL << 32)

/*
 * With u = bits / 2^64 = m / 2^(z + 1), m in [1, 2) and z leading zeros,
 * -ln u = (z + 1) ln 2 - ln m.
 */
int64_t draw_exponential_ns(uint64_t bits, int64_t mean_ns)
{
	uint64_t z, m, i, rest, ln_m, x = CAP_Q32;

	BUG_ON(mean_ns < 0);
	if (bits) {
		z = (uint64_t)__builtin_clzll(bits);
		m = bits << z;			/* top bit is the 1 of m */
		i = m >> 56 & 127;
		rest = m >> 24 & 0xffffffff;	/* between entries, in 2^-32 */
		ln_m = ln_q32[i] +
		       ((ln_q32[i + 1] - ln_q32[i]) * rest >> 32);
		x = (z + 1) * LN2_Q32 - ln_m;
		if (x > CAP_Q32)
			x = CAP_Q32;
	}
	return (int64_t)(((unsigned __int128)x * (uint64_t)mean_ns +
			  (1ULL << 31)) >> 32);
}
