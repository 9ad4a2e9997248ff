#pragma once
/*
 * failure_log.h - inside of lib/scrape: files of failed scrapes, one JSON object a line.
 *
 *     {"time":"2026-11-30T18:00:00.123Z","level":"ERROR","msg":"context deadline
 * exceeded","job_name":"a","target":"http://..."}
 *
 * A file is opened at its first failure, and anew after failure_logs_reopen: so it may be rotated by moving
 * it away and reloading. Any thread.
 */
struct failure_logs;

struct failure_logs *failure_logs_create(void);
void failure_logs_destroy(struct failure_logs *logs); /* NULL is fine */
void failure_logs_reopen(struct failure_logs *logs);
/* a file that cannot be written is told in the log once, until it is opened anew */
void failure_logs_write(struct failure_logs *logs, const char *path, const char *job, const char *url,
                        const char *error);
