#pragma once
/*
 * check_rules.h - check rules [--lint=...] [--lint-fatal] FILE...: the verdict the server would come to.
 */
struct config;

/* exit status as promtool's: 0, 1 for an error, 3 for a finding with --lint-fatal */
int check_rules(int argc, char **argv);
/* the rule files of a configuration; 0 or 1 */
int check_rule_files_of(const struct config *config);
