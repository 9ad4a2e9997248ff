#pragma once
/*
 * consul_reader.h - inside of lib/discovery: Consul's answers.
 */
#include "lib/codec/yaml.h"
#include "lib/model/target_group.h"

struct consul_sd_config;

/* the group of a service from the answer of /v1/health/service/<name> */
int consul_read_service(const struct ynode *nodes, const char *name, const char *datacenter,
                        const char *tag_separator, struct target_group **group, struct err *err);
/* does the service have every tag that the configuration asks for? tags: a list of texts */
bool consul_wants_service(const struct consul_sd_config *config, struct span name, const struct ynode *tags);
