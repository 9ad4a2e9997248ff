#pragma once
/*
 * promql.h - the subcommands of `server promql`; argv[1] is the subcommand.
 */
int cmd_promql_test(int argc, char **argv);
int cmd_promql_explain(int argc, char **argv);
