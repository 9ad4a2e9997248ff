#pragma once
/*
 * check_relabel.h - check relabel --config.file=FILE --job=NAME [--metric] LABELS: what each rule of a job
 * makes of a label set, without scraping anything.
 *
 * LABELS are written {a="b",...}: of a target what discovery says, with --metric a scraped series, which may
 * be written name{a="b",...}. Takes the arguments behind "check".
 */

int check_relabel(int argc, char **argv);
