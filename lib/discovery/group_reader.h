#pragma once
/*
 * group_reader.h - inside of lib/discovery: target groups as http_sd answers and file_sd files write them.
 *
 *     [{"targets": ["a:80", "b:80"], "labels": {"env": "x"}}, ...]       the same in YAML
 */
#include "lib/base/vec.h"
#include "lib/codec/yaml.h"
#include "lib/model/target_group.h"

struct group_list {
    VEC(struct target_group *) all;
};

struct group_origin {
    const char *name;  /* file or URL; group i has the source "<name>:<i>" */
    const char *label; /* __meta_url, whose value is name */
    bool is_json;      /* only quoted texts are texts */
};

/* root may be NULL or a null: no groups. Appends to groups, or leaves them as they were. */
int group_reader_read(const struct ynode *root, const struct group_origin *origin, struct group_list *groups,
                      struct err *err);
/* the same from text, JSON or YAML */
int group_reader_parse(struct span text, const struct group_origin *origin, struct group_list *groups,
                       struct err *err);
void group_list_release(struct group_list *groups);
