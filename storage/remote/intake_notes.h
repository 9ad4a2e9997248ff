#pragma once
/*
 * intake_notes.h - inside of storage/remote: exemplars and metadata of a write request, into its batch.
 *
 * One that makes no sense is left out: the samples beside it are what the sender must hear about. Bytes that
 * are not protobuf are ERR_CORRUPT, as everywhere in a request.
 */
#include "storage/remote/intake_inside.h"

/* series: the label fields of its time series */
int intake_add_exemplar(struct intake_request *request, struct span series, struct span bytes,
                        struct err *err);
int intake_add_metadata(struct intake_request *request, struct span bytes, struct err *err);
