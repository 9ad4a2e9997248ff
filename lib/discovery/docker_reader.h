#pragma once
/*
 * docker_reader.h - inside of lib/discovery: what a Docker daemon says of its containers and networks.
 */
#include "lib/codec/yaml.h"
#include "lib/model/target_group.h"

struct docker_sd_config;

/* the one group "Docker", of the answers of /containers/json and /networks */
int docker_read(const struct ynode *containers, const struct ynode *networks,
                const struct docker_sd_config *config, struct target_group **group, struct err *err);
