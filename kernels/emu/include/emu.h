/* What the emulator offers beside CUDA's own interface: tests steer it and read its reports.
 *
 * Environment variables set the same things where the source is not to be touched:
 *   CUPEL_EMU_ORDER  forward (default), reversed, depth-first or random
 *   CUPEL_EMU_SEED   of the random order, a whole number
 *   CUPEL_EMU_TRACE  file to which every kernel that runs adds a line: name, grid, block, shared bytes, label
 *   CUPEL_EMU_LABEL  what the lines end with; read at every line, so that a program can change it as it goes
 */
#ifndef EMU_H
#define EMU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In what order things that CUDA leaves unordered happen.
 *
 *   forward      blocks and threads from first to last, each as far as its next barrier; work on streams
 *                runs as soon as it is issued
 *   reversed     from last to first; work waits until a synchronisation asks for it, the latest issued of
 *                what may run going first
 *   depth-first  as forward, but a barrier's last thread goes on at once, before those that waited; work
 *                waits until a synchronisation needs it and nothing else runs
 *   random       drawn anew at every choice; work runs now or later, in any allowed order */
enum emu_order { EMU_FORWARD, EMU_REVERSED, EMU_DEPTH_FIRST, EMU_RANDOM, EMU_ORDERS };

/* `seed` matters to EMU_RANDOM alone. Takes effect with the next launch. */
void emu_set_order(enum emu_order order, uint64_t seed);

/* The report of the sticky error in force: what happened, in which kernel, blocks, threads, files and lines.
 * "" when there is none. Valid until cudaDeviceReset, which is the way to go on after an error. */
const char *emu_report(void);

/* Processor time, up to twice as much, that one launch may take before it is stopped with
 * cudaErrorLaunchTimeout; 60 s at first. */
void emu_set_time_limit(double seconds);

/* Size of the device's memory; 8 GiB at first, at most 12 GiB. */
void emu_set_memory(size_t bytes);

/* Whether the kernels linked into this program are checked for races (compiled with -fsanitize=thread). */
int emu_checks_races(void);

#ifdef __cplusplus
}
#endif
#endif
