#pragma once
/*
 * url.h - what is done to URLs as texts.
 */
#include "lib/base/buf.h"

/* The one place where URLs are made fit for others to see: user:password@ becomes user:xxxxx@, as Go prints
 * it. */
void url_write_redacted(struct span url, struct buf *out);
/* all bytes but letters, digits and -_.~ as %XX (RFC 3986) */
void url_write_escaped(struct span text, struct buf *out);
/* the same for a query's value, as Go's QueryEscape: a blank is a plus */
void url_write_query(struct span text, struct buf *out);
