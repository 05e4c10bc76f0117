/* Devices that a test needs. */
#ifndef CUPEL_TESTS_DEVICE_H
#define CUPEL_TESTS_DEVICE_H

#include "cupel/plan.h"

/* Skips the test where there is no such device; true elsewhere. Only GPUs may be missing: the emulator is missing where the
 * build has none (CUPEL_NO_EMULATOR). */
bool need_device(const char *name);

/* The same, and skips the test where the device cannot compute in a precision: as a processor without the instructions. */
bool need_precision(const char *name, enum cupel_precision precision);

#endif
