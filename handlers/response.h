/* response.h: an answer on its way to the client, whole or event by event. */
#ifndef HANDLERS_RESPONSE_H
#define HANDLERS_RESPONSE_H

#include "handlers/exchange.h"

/*
 * Writes the answer that the exchange holds: status, headers, body. Whether
 * the client was still there is noted for the log.
 */
void response_whole(struct exchange *x);

/*
 * Begins a stream of server-sent events: writes its head, with every header
 * that the exchange holds by now, and sets x->began. From here on a failure is
 * an event of the stream. Not flushed; a client that is gone is found out by
 * the next flush.
 */
void response_begin(struct exchange *x);

/*
 * Begins an answer of bytes, such as sound, with their type and length (below
 * 0: not known). It has no place for an error: one that breaks off ends, and
 * of a known length the client sees that something is missing. All but the
 * last byte of what is written goes out; response_end() sends the last one of
 * an answer that was settled, so that a whole answer acknowledges its charge.
 */
void response_begin_bytes(struct exchange *x, const char *content_type,
    int64_t length);
bool response_bytes(struct exchange *x, const char *data, size_t len);

/*
 * Writes an event, whose data is one line, or a comment. These, and the flush,
 * return false when the client is gone.
 */
bool response_event(struct exchange *x, const char *data, size_t len);
bool response_comment(struct exchange *x, const char *text);
bool response_flush(struct exchange *x);

/*
 * Ends a stream, after the request was settled: the usage chunk where there is
 * one, the cost as a comment and "[DONE]"; or the cost of what was delivered
 * and the noted failure as an event. A client that left is told nothing.
 */
void response_end(struct exchange *x);

#endif
