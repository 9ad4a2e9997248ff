#pragma once
/*
 * path.h - the labels of a group, as the path of a push names them.
 *
 *     job/backup/instance/db1                     {instance="db1", job="backup"}
 *     job@base64/L2V0Yw/dir@base64/L3Zhcg==       {dir="/var", job="/etc"}
 *
 * base64 is that of URLs (RFC 4648), padding optional; "=" is the empty value. Errors are in the words of the
 * Pushgateway.
 */
#include "lib/model/labels.h"

#define PUSH_PATH_LABELS_MAX 64

/* `path` begins with job or job@base64. Labels are sorted, each name once, and, unlike elsewhere, may be
 * empty; all text in arena. ERR_INVALID, ERR_LIMIT. */
int push_path_read(struct span path, struct arena *arena, struct labels *labels, struct err *err);
/* the path of the labels, every value in base64 */
void push_path_write(struct labels labels, struct buf *out);
