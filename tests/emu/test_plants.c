/* Bugs planted in plants.cu and plants_host.cu, each of which the emulator must see in every order of
 * execution: by a report that names kernel and lines, by a sanitizer's, or by a result that is wrong in some
 * order. Every plant runs in a process of its own. */
#include <criterion/criterion.h>

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emu.h"
#include "plants.h"

/* BLIND: not seen by this kind of check. WRONG: a wrong result in at least one order. REPORT: a report in
 * every order. DEATH: the end of the process in every order, with the text. */
enum outcome { BLIND, WRONG, REPORT, DEATH };

struct expectation {
    const char *name;
    enum outcome plain, race, sanitized;
    const char *what; /* in the report */
};

/* Text of a sanitizer's report is not of our making: its lines alone are checked. */
static const struct expectation expectations[] = {
    {"missing_barrier", WRONG, REPORT, WRONG, "race"},
    {"missing_barrier_war", WRONG, REPORT, WRONG, "race"},
    {"missing_warp_barrier", WRONG, REPORT, WRONG, "race"},
    {"shuffle_is_no_barrier", BLIND, REPORT, BLIND, "race"},
    {"divergent_barrier", REPORT, REPORT, REPORT, "a block barrier that only 40 of 64 threads reach"},
    {"two_barriers", REPORT, REPORT, REPORT, "different barriers"},
    {"early_return", REPORT, REPORT, REPORT, "a block barrier that only 36 of 64 threads reach"},
    {"off_by_one_global", BLIND, REPORT, DEATH, "0 bytes past the end of allocation 1 of 400 bytes"},
    {"off_by_one_shared", WRONG, REPORT, DEATH, "0 bytes past the end of shared tile of 256 bytes"},
    {"off_by_a_page", REPORT, REPORT, REPORT, "0 bytes past the end of allocation 1 of 4096 bytes"},
    {"wrong_mask", REPORT, REPORT, REPORT, "a warp operation with mask"},
    {"caller_not_in_mask", REPORT, REPORT, REPORT, "which leaves out lane"},
    {"source_not_in_mask", REPORT, REPORT, REPORT, "reads lane 16, which is not in the mask"},
    {"exited_lane", REPORT, REPORT, REPORT, "lane 31"},
    {"copy_not_waited_for", WRONG, REPORT, WRONG, "an earlier asynchronous copy"},
    {"copy_without_barrier", WRONG, REPORT, WRONG, "shared tile"},
    {"copy_over_tile_in_use", WRONG, REPORT, WRONG, "race"},
    {"unwritten_shared", WRONG, REPORT, WRONG,
     "a read of what was never written, 200 bytes into shared tile"},
    {"unwritten_global", WRONG, REPORT, WRONG, "never written"},
    {"misaligned_load", REPORT, REPORT, REPORT, "an access of 16 bytes at the misaligned address"},
    {"misaligned_pointer", BLIND, REPORT, DEATH, "an access of 8 bytes at the misaligned address"},
    {"blocks_race", WRONG, REPORT, WRONG, "race"},
    {"lost_atomic", BLIND, REPORT, BLIND, "race"},
    {"plain_read_of_atomic", WRONG, REPORT, WRONG, "atomic operation"},
    {"missing_fence", BLIND, REPORT, BLIND, "race"},
    {"fence_too_late", BLIND, REPORT, BLIND, "race"},
    {"host_pointer", REPORT, REPORT, REPORT, "host pointer"},
    {"host_pointer_in_struct", BLIND, REPORT, BLIND, "an access to host memory"},
    {"host_reads_device", DEATH, DEATH, DEATH, "host code touches device memory, 12 bytes into allocation 1"},
    {"use_after_free", REPORT, REPORT, REPORT, "0 bytes into freed allocation 1"},
    {"use_after_free_hidden", REPORT, REPORT, DEATH, "into freed allocation 1"},
    {"streams_unordered", WRONG, REPORT, WRONG, "race"},
    {"copy_unordered", WRONG, REPORT, WRONG, "copy of 128 bytes"},
    {"graph_unordered", WRONG, REPORT, WRONG, "race"},
    {"result_not_waited_for", WRONG, WRONG, WRONG, ""},
    {"source_changed_too_soon", WRONG, WRONG, WRONG, ""},
    {"waits_for_other_block", REPORT, REPORT, REPORT, "waiting in a loop for another block"},
    {"never_ends", REPORT, REPORT, REPORT, "a kernel that has run for 0.2 s"},
    {"divides_by_zero", REPORT, REPORT, DEATH, "divided by zero"},
    {"overflows_stack", REPORT, REPORT, REPORT, "stack"},
};

static enum outcome expected(const struct expectation *plant) {
#if defined(EMU_TEST_RACE)
    return plant->race;
#elif defined(EMU_TEST_ASAN)
    return plant->sanitized;
#else
    return plant->plain;
#endif
}

struct run {
    char output[16384];
    bool wrong, reported, died;
};

static void run_child(int (*plant)(void), enum emu_order order, uint64_t seed, int output) {
    dup2(output, STDERR_FILENO);
    close(output);
    emu_set_order(order, seed);
    emu_set_time_limit(0.2);
    int wrong = plant();
    cudaDeviceSynchronize();
    dprintf(STDERR_FILENO, "%s\n%s", emu_report(), wrong ? "@wrong\n" : "");
    if (emu_report()[0]) dprintf(STDERR_FILENO, "@reported %s\n", cudaGetErrorName(cudaPeekAtLastError()));
    dprintf(STDERR_FILENO, "@end\n");
    _exit(0);
}

static void run_plant(struct run *run, int (*plant)(void), enum emu_order order, uint64_t seed) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) run_child(plant, order, seed, ends[1]);
    close(ends[1]);
    size_t size = 0;
    char rest[4096];
    for (;;) {
        size_t space = sizeof run->output - 1 - size;
        ssize_t got = read(ends[0], space ? run->output + size : rest, space ? space : sizeof rest);
        if (got <= 0) break;
        if (space) size += (size_t)got;
    }
    run->output[size] = 0;
    close(ends[0]);
    waitpid(child, NULL, 0);
    run->wrong = strstr(run->output, "@wrong\n") != NULL;
    run->reported = strstr(run->output, "@reported ") != NULL;
    run->died = strstr(run->output, "@end\n") == NULL;
}

/* Whether the output names a line of `file` that is marked with @mark; true if the file has no such mark. */
static bool names_line(const char *output, const char *file, const char *mark) {
    char path[512], line[512], wanted[600];
    snprintf(path, sizeof path, "%s/tests/emu/%s", CUPEL_SOURCE_DIR, file);
    snprintf(wanted, sizeof wanted, "@%s ", mark);
    FILE *source = fopen(path, "r");
    cr_assert(source, "%s", path);
    bool marked = false, named = false;
    for (int number = 1; fgets(line, sizeof line, source); number++) {
        if (!strstr(line, wanted)) continue;
        marked = true;
        char place[64];
        snprintf(place, sizeof place, "%s:%d", file, number);
        const char *found = strstr(output, place);
        named = named || (found && (found[strlen(place)] < '0' || found[strlen(place)] > '9'));
    }
    fclose(source);
    return named || !marked;
}

static bool names_lines(const char *output, const char *name, bool both) {
    char other[128];
    snprintf(other, sizeof other, "%s-other", name);
    bool named = names_line(output, "plants.cu", name) && names_line(output, "plants_host.cu", name);
    if (both)
        named =
            named && names_line(output, "plants.cu", other) && names_line(output, "plants_host.cu", other);
    return named;
}

static void check_run(const struct expectation *plant, const struct run *run, const char *order) {
    enum outcome outcome = expected(plant);
    if (outcome == REPORT) {
        cr_assert(run->reported && !run->died, "%s, %s: no report\n%s", plant->name, order, run->output);
        cr_assert(strstr(run->output, plant->what), "%s, %s: not \"%s\"\n%s", plant->name, order, plant->what,
                  run->output);
        bool both = strstr(run->output, "race: ") || !strncmp(plant->name, "two_", 4);
        cr_assert(names_lines(run->output, plant->name, both), "%s, %s: not the lines\n%s", plant->name,
                  order, run->output);
    } else if (outcome == DEATH) {
        cr_assert(run->died, "%s, %s: lives on\n%s", plant->name, order, run->output);
        bool ours = strcmp(plant->name, "host_reads_device") == 0;
        cr_assert(!ours || strstr(run->output, plant->what), "%s, %s: not \"%s\"\n%s", plant->name, order,
                  plant->what, run->output);
        cr_assert(ours || strstr(run->output, "emu: in kernel "), "%s, %s: no kernel named\n%s", plant->name,
                  order, run->output);
        cr_assert(names_lines(run->output, plant->name, false), "%s, %s: not the line\n%s", plant->name,
                  order, run->output);
    }
}

static void check_plant(const char *name, int (*function)(void)) {
    static const char *const orders[] = {"forward",  "reversed", "depth-first", "random 1",
                                         "random 2", "random 3", "random 4"};
    const struct expectation *plant = NULL;
    for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++)
        if (strcmp(expectations[i].name, name) == 0) plant = &expectations[i];
    cr_assert(plant, "%s: nothing is expected", name);
    bool wrong = false;
    for (unsigned i = 0; i < sizeof orders / sizeof *orders; i++) {
        enum emu_order order = i < EMU_RANDOM ? (enum emu_order)i : EMU_RANDOM;
        if (expected(plant) == BLIND || (expected(plant) != WRONG && i > EMU_RANDOM)) break;
        struct run run;
        run_plant(&run, function, order, i);
        check_run(plant, &run, orders[i]);
        wrong = wrong || run.wrong;
    }
    cr_assert(expected(plant) != WRONG || wrong, "%s: right in every order", name);
}

#define X(name)                           \
    Test(plants, name) {                  \
        check_plant(#name, plant_##name); \
    }
PLANTS(X)
#undef X
