/* cupel bench: times kernels and training steps. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/common.h"
#include "cli/rounds.h"

/* ---- what is printed ---- */

/* Microseconds with three digits that count. */
static const char *micro_text(double seconds) {
    static char texts[4][24];
    static unsigned next;
    char *text = texts[next++ % 4];
    const double micro = 1e6 * seconds;
    snprintf(text, sizeof *texts, "%.*f", micro < 1 ? 3 : micro < 10 ? 2 : micro < 100 ? 1 : 0, micro);
    return text;
}

static void print_header(const struct cupel_bench *bench) {
    printf("%s in %s on %s (%s), %d thread%s\n%s%s%s\n", bench->title, bench->precision, bench->device,
           bench->description, bench->threads, bench->threads == 1 ? "" : "s", bench->version,
           *bench->commit ? ", commit " : "", bench->commit);
    printf("measured: copying %.1f GB/s, products %.1f GFLOP/s, the smallest kernel %s us\n",
           bench->copy_rate / 1e9, bench->product_rate / 1e9, micro_text(bench->launch));
    if (!strcmp(bench->device, "emu")) printf("Times on emu are those of the emulator and mean nothing.\n");
    printf("\n");
}

static int width_of(const struct cupel_bench *bench) {
    int width = 4;
    for (int i = 0; i < bench->count; i++) {
        const int length = (int)strlen(bench->rows[i].name);
        if (length > width) width = length;
    }
    return width;
}

static void print_rows(const struct cupel_bench *bench) {
    const int width = width_of(bench);
    printf("%-*s %10s %10s %10s %6s %8s %7s %6s %-7s %-6s %-6s %-10s %8s  %s\n", width, "row", "cold us",
           "hot us", "p95 us", "noise", "GFLOP/s", "GB/s", "roof", "bound", "dtype", "layout", "engine",
           "KiB", "shape");
    for (int i = 0; i < bench->count; i++) {
        const struct cupel_bench_row *row = &bench->rows[i];
        if (*row->note) {
            printf("%-*s FAILED: %s\n", width, row->name, row->note);
            continue;
        }
        printf("%-*s %10s %10s %10s %5.1f%% %8.1f %7.1f %5.0f%% %-7s %-6s %-6s %-10s %8.1f  %s\n", width,
               row->name, row->cold.samples ? micro_text(row->cold.median) : "-", micro_text(row->hot.median),
               micro_text(row->hot.p95), 100 * row->hot.noise, row->gflops, row->gbytes, 100 * row->roof,
               row->bound, row->dtype, row->layout, row->engine, (double)row->workspace / 1024, row->shape);
    }
}

static void print_step(const struct cupel_bench *bench) {
    const double step = bench->step.median;
    if (!bench->batch) return;
    printf("one step of %" PRId64 " images: %s us (p95 %s us, noise %.1f%%), %.1f images/s\n", bench->batch,
           micro_text(step), micro_text(bench->step.p95), 100 * bench->step.noise, bench->images_per_second);
    for (int p = 0; p < CUPEL_BENCH_PARTS; p++)
        printf("  %-10s %10s us %5.1f%%\n", cupel_bench_part_text((enum cupel_bench_part)p),
               micro_text(bench->parts[p]), 100 * bench->parts[p] / step);
    printf("  %-10s %10s us %5.1f%%\n\n", "gaps", micro_text(bench->gaps), 100 * bench->gaps / step);
}

static void print_comparison(const struct cupel_bench *bench) {
    if (!*bench->against) return;
    printf("\nagainst %s: all together %+.1f%%; rows are judged beside others that take as long\n",
           bench->against, 100 * (bench->shift - 1));
    for (int i = 0; i < bench->count; i++) {
        const struct cupel_bench_row *row = &bench->rows[i];
        if (row->verdict == CUPEL_BENCH_FASTER || row->verdict == CUPEL_BENCH_SLOWER)
            printf("%-7s %+6.1f%%  %s\n", cupel_bench_verdict_text(row->verdict), 100 * row->change,
                   row->name);
    }
    printf("%d slower, %d faster, %d within noise; %d of the file are not here\n", bench->slower,
           bench->faster, bench->count - bench->slower - bench->faster, bench->missing);
}

/* ---- the command ---- */

/* A line that is written over, on a terminal. */
static void show_progress(void *context, const char *what, int done, int all) {
    (void)context;
    fprintf(stderr, "\r%3d%% %-60.60s", all ? 100 * done / all : 0, what);
    if (done + 1 >= all) fprintf(stderr, "\r\033[K");
}

static enum cupel_status read_seconds(const struct arguments *arguments, double *seconds,
                                      struct cupel_error *error) {
    char *end = NULL;
    if (!arguments->seconds) return CUPEL_OK;
    errno = 0;
    *seconds = strtod(arguments->seconds, &end);
    if (!*end && !errno && *seconds > 0 && *seconds <= 3600) return CUPEL_OK;
    return cupel_fail(error, CUPEL_INVALID,
                      "--seconds: '%.80s' is no number above 0 and up to 3600, such as 0.5",
                      arguments->seconds);
}

static enum cupel_status bench_model(const struct arguments *arguments,
                                     const struct cupel_bench_options *options, struct cupel_bench *bench,
                                     struct cupel_error *error) {
    struct cupel_model *model;
    struct cupel_bench old = {0};
    CUPEL_TRY(model_open(arguments, &model, error));
    enum cupel_status status =
        arguments->compare ? cupel_bench_load(arguments->compare, &old, error) : CUPEL_OK;
    if (status == CUPEL_OK) status = cupel_bench_step(model, options, arguments->trace, bench, error);
    if (status == CUPEL_OK && arguments->compare) {
        status = cupel_bench_compare(bench, &old, error);
        snprintf(bench->against, sizeof bench->against, "%s", arguments->compare);
    }
    cupel_bench_free(&old);
    cupel_model_free(model);
    return status;
}

static enum cupel_status run(const struct arguments *arguments, const struct cupel_bench_options *options,
                             struct cupel_bench *bench, struct cupel_error *error) {
    const bool ops = strcmp(arguments->model, "ops") == 0;
    if (ops && arguments->trace)
        return cupel_fail(error, CUPEL_INVALID, "--trace is for a model's step, not for ops");
    if (!ops && (arguments->rounds || arguments->unverified))
        return cupel_fail(error, CUPEL_INVALID,
                          "--rounds and --unverified are for ops, not for a model's step");
    return (ops ? bench_rounds : bench_model)(arguments, options, bench, error);
}

int command_bench(const struct arguments *arguments) {
    struct cupel_bench bench = {0};
    struct cupel_error error = {0};
    struct cupel_bench_options options = {.run = run_options(arguments), .filter = arguments->filter};
    if (isatty(STDERR_FILENO)) options.progress = show_progress;
    enum cupel_status status = read_seconds(arguments, &options.seconds, &error);
    if (status == CUPEL_OK) status = run(arguments, &options, &bench, &error);
    if (status == CUPEL_OK) {
        print_header(&bench);
        print_step(&bench);
        print_rows(&bench);
        print_comparison(&bench);
        if (arguments->json) status = cupel_bench_save(&bench, arguments->json, &error);
    }
    const bool bad = bench.slower || bench.failed;
    cupel_bench_free(&bench);
    return status ? complain_error(&error) : bad ? EXIT_RUN_FAILED : EXIT_DONE;
}
