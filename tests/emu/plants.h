/* Bugs planted on purpose, for the emulator to find. Each function runs one and gives 1 if it saw a wrong
 * result, else 0; test_plants.c says what should be reported where. */
#ifndef TESTS_EMU_PLANTS_H
#define TESTS_EMU_PLANTS_H

/* X(name) */
#define PLANTS(X)              \
    X(missing_barrier)         \
    X(missing_barrier_war)     \
    X(missing_warp_barrier)    \
    X(shuffle_is_no_barrier)   \
    X(divergent_barrier)       \
    X(two_barriers)            \
    X(early_return)            \
    X(off_by_one_global)       \
    X(off_by_one_shared)       \
    X(off_by_a_page)           \
    X(wrong_mask)              \
    X(caller_not_in_mask)      \
    X(source_not_in_mask)      \
    X(exited_lane)             \
    X(copy_not_waited_for)     \
    X(copy_without_barrier)    \
    X(copy_over_tile_in_use)   \
    X(unwritten_shared)        \
    X(unwritten_global)        \
    X(misaligned_load)         \
    X(misaligned_pointer)      \
    X(blocks_race)             \
    X(lost_atomic)             \
    X(plain_read_of_atomic)    \
    X(missing_fence)           \
    X(fence_too_late)          \
    X(host_pointer)            \
    X(host_pointer_in_struct)  \
    X(host_reads_device)       \
    X(use_after_free)          \
    X(use_after_free_hidden)   \
    X(streams_unordered)       \
    X(copy_unordered)          \
    X(graph_unordered)         \
    X(result_not_waited_for)   \
    X(source_changed_too_soon) \
    X(waits_for_other_block)   \
    X(never_ends)              \
    X(divides_by_zero)         \
    X(overflows_stack)

#ifdef __cplusplus
extern "C" {
#endif
#define X(name) int plant_##name(void);
PLANTS(X)
#undef X
#ifdef __cplusplus
}
#endif
#endif
