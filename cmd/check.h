#pragma once
/*
 * check.h - what the commands behind "check" have in common.
 */
struct config_errors;

/* to standard error, a line each */
void check_print_errors(const char *path, const struct config_errors *errors);
