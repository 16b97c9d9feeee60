#ifndef MMREPLAY_TRACES_IMPORT_FACTS_H
#define MMREPLAY_TRACES_IMPORT_FACTS_H

#include "sim/base/errbuf.h"
#include "traces/trace.h"

/** facts_read() - header facts from a capture.json into @h */
int facts_read(const char *path, struct trace_header *h, struct errbuf *e);

/** facts_beside() - path of the capture.json in @input's folder, or NULL; caller frees */
char *facts_beside(const char *input);

#endif
