#pragma once
/*
 * cmd.h - the subcommands of the program. Each takes the arguments behind its own name as argv[1..] and
 * returns the exit status.
 */

int cmd_server(int argc, char **argv);
int cmd_check(int argc, char **argv);  /* check config, rules, metrics, relabel ... */
int cmd_promql(int argc, char **argv); /* promql test, format, parse, explain */
int cmd_query(int argc, char **argv);  /* query instant, range, series, labels */
int cmd_rules(int argc, char **argv);  /* rules backfill FILE... */
int cmd_test(int argc, char **argv);   /* test rules FILE... */
int cmd_tsdb(int argc, char **argv);   /* tsdb import, list ... */
