#ifndef MMREPLAY_TRACES_CAPTURE_STRACE_H
#define MMREPLAY_TRACES_CAPTURE_STRACE_H

#include "traces/capture/capture.h"
#include "traces/capture/guard.h"

/**
 * capture_strace() - the fallback of ordinary users
 * System calls only: no faults, no lock times, no vmalloc, and a distorted
 * clock; the notes of @out say so.
 * Errors: strace is not installed; what it cannot do (cgroup, all).
 */
int capture_strace(const struct capture_options *o, struct capture_result *out,
		   struct errbuf *e);

/* ---- capture.c, for both ways ---- */

/**
 * capture_import() - WORK/@text and what lies beside it to @o->output
 * @folder: guard of WORK; if the import fails it leaves the text there
 */
int capture_import(const struct capture_options *o, const char *work,
		   const char *text, struct guard *folder,
		   struct capture_result *out, struct errbuf *e);

#endif
