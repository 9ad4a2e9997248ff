#pragma once
/*
 * replay_chains.h - inside of storage/tsdb: records of samples and changes become rows, where the log is
 * read.
 *
 *     key   rows as they are ---> numbers[] state[]      kept until another key replaces it
 *     changes ------------------> values[], state[] moves on
 *
 * A record of changes is coded against the one before it in its chain, so one that is lost or makes no sense
 * ends the chain: the others are lost with it, nothing is guessed.
 */
#include "storage/tsdb/replay_rows.h"

struct replay_chains;

/* after: see replay_chains_earliest */
struct replay_chains *replay_chains_create(struct replay_rows *rows, uint64_t after);
/* of all rows of records behind the sequence `after`; INT64_MAX: there were none */
int64_t replay_chains_earliest(const struct replay_chains *chains);
void replay_chains_destroy(struct replay_chains *chains);
/* The rows of a record of samples or changes; ERR_CORRUPT: those before the one that makes no sense. */
int replay_chains_samples(struct replay_chains *chains, uint64_t sequence, const void *payload, size_t len,
                          struct err *err);
int replay_chains_changes(struct replay_chains *chains, uint64_t sequence, const void *payload, size_t len,
                          struct err *err);
