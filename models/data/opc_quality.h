/* opc_quality.h - what control systems write beside a value to say what it is worth.
 *
 *     an_opc_quality("192", 3) == AN_OPC_GOOD
 *
 * Words in any case: good, ok, valid, true, g; uncertain, questionable, suspect, doubtful, u; also as the beginning of
 * a longer text ("Good, LocalOverride").  Numbers: up to 65535 the status of OPC DA, whose two top bits of the lower
 * byte say it (192..255 good, 64..127 uncertain, else bad); larger ones, also as 0x..., a status code of OPC UA, whose
 * two top bits say it.  Nothing written: good, for nothing is said.  All else is bad.
 *
 * Threads: pure. */
#ifndef AN_MODELS_DATA_OPC_QUALITY_H
#define AN_MODELS_DATA_OPC_QUALITY_H

#include <stddef.h>
#include <stdint.h>

/* In the order of an_value_quality (agent/source.h). */
enum { AN_OPC_GOOD, AN_OPC_UNCERTAIN, AN_OPC_BAD };

uint8_t an_opc_quality(const char *text, size_t len);
uint8_t an_opc_quality_of(uint32_t status);

#endif
