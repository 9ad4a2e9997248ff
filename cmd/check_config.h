#pragma once
/*
 * check_config.h - check config [--syntax-only] [--agent] [--lint=...] [--lint-fatal] FILE...
 *
 * The verdict that the server would come to, without starting it, and whether the files are there that the
 * configuration names: rules, credentials, certificates, targets. --syntax-only looks at no other file;
 * --agent refuses what an agent does not have.
 */
int check_config(int argc, char **argv);
