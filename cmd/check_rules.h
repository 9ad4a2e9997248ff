#pragma once
/*
 * check_rules.h - check rules [--lint=...] [--lint-fatal] [FILE]...: the verdict the server would come to;
 * without a file about standard input.
 */
#include "cmd/check.h"

struct config;

int check_rules(int argc, char **argv);
/* the rule files of a configuration */
void check_rule_files_of(const struct config *config, struct check_lint *lint);
