#pragma once
/*
 * crc32c.h - CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected; RFC 3720 appendix B.4), with the
 * processor's instruction where it has one.
 */
#include <stddef.h>
#include <stdint.h>

/* continue from `crc` (0 at the start) over data */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);
