#ifndef MMREPLAY_BASE_GETOPT_H
#define MMREPLAY_BASE_GETOPT_H

/*
 * The C library's getopt_long() calls its table entry `struct option`, and so
 * does sim/base/option.h. Include this instead of <getopt.h>: the library's
 * becomes `struct long_option`, and both can be seen in one file.
 */
#define option long_option
#include <getopt.h>
#undef option

#endif
