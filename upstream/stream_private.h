/* stream_private.h: what the parts of stream_scan.h share. */
#ifndef UPSTREAM_STREAM_PRIVATE_H
#define UPSTREAM_STREAM_PRIVATE_H

#include "upstream/stream_scan.h"

/* stream_output.c: adds what one choice of a chunk brings to the counts. */
void stream_count_output(struct stream_scan *scan,
    const struct json_part *choice);

#endif
