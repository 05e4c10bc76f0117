#include "cli/rounds.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "cli/bench_ops.h"

enum { ROUNDS = 5, MORE_ROUNDS = 4, LOOKS = 3, MOST_WORDS = 32 };

extern char **environ;

/* ---- one round ---- */

struct words {
    const char *items[MOST_WORDS + 1];
    int count;
    char numbers[2][32];
};

static void add_word(struct words *words, const char *flag, const char *value) {
    if (!value) return;
    words->items[words->count++] = flag;
    words->items[words->count++] = value;
}

static void add_number(struct words *words, int which, const char *flag, int64_t value) {
    snprintf(words->numbers[which], sizeof *words->numbers, "%lld", (long long)value);
    if (value) add_word(words, flag, words->numbers[which]);
}

/* Waits for the process; its exit status, or -1. */
static int wait_for(pid_t child) {
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Starts this program once more; what it prints is of no interest, only what it says is wrong. */
static enum cupel_status start_again(const struct words *words, struct cupel_error *error) {
    posix_spawn_file_actions_t actions;
    pid_t child;
    if (posix_spawn_file_actions_init(&actions))
        return cupel_fail(error, CUPEL_NOMEM, "no memory to start a round");
    int failed = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (!failed)
        failed = posix_spawn(&child, "/proc/self/exe", &actions, NULL, (char *const *)words->items, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed) return cupel_fail(error, CUPEL_FAILED, "cannot start a round: %s", strerror(failed));
    const int status = wait_for(child);
    if (status == EXIT_DONE || status == EXIT_RUN_FAILED) return CUPEL_OK; /* a row may have failed */
    return cupel_fail(error, CUPEL_FAILED,
                      "a round of the benchmark ended early; see above, or try --rounds 1");
}

static enum cupel_status run_round(const struct arguments *arguments, const char *filter, double seconds,
                                   struct cupel_bench *round, struct cupel_error *error) {
    const char *folder = getenv("TMPDIR");
    char path[4096], text[32];
    snprintf(path, sizeof path, "%s/cupel-round-XXXXXX", folder && *folder ? folder : "/tmp");
    const int file = mkstemp(path);
    if (file < 0) return cupel_fail(error, CUPEL_FAILED, "%s: %s", path, strerror(errno));
    close(file);
    snprintf(text, sizeof text, "%.9g", seconds);
    struct words words = {{"cupel", "bench", "ops", "--unverified"}, 4};
    add_word(&words, "--rounds", "1");
    add_word(&words, "--seconds", text);
    add_word(&words, "--json", path);
    add_word(&words, "--filter", filter);
    add_word(&words, "--device", arguments->device);
    add_word(&words, "--precision", arguments->precision);
    add_number(&words, 0, "--threads", arguments->threads);
    add_number(&words, 1, "--batch", arguments->batch);
    if (arguments->deterministic) words.items[words.count++] = "--deterministic";
    enum cupel_status status = start_again(&words, error);
    if (status == CUPEL_OK) status = cupel_bench_load(path, round, error);
    unlink(path);
    return status;
}

/* ---- all ---- */

struct rounds {
    struct cupel_bench done[BENCH_MOST_ROUNDS];
    int count;
};

static enum cupel_status run_rounds(const struct arguments *arguments, const char *filter, double seconds,
                                    int count, struct rounds *rounds, struct cupel_error *error) {
    for (int r = 0; r < count; r++) {
        struct cupel_bench *round = &rounds->done[rounds->count++];
        CUPEL_TRY(run_round(arguments, filter, seconds, round, error));
    }
    return CUPEL_OK;
}

/* A filter for the subjects of the rows: a row is numbered among those of its subject. */
static char *filter_of(const struct cupel_bench *bench, const bool *rows) {
    size_t room = 8, used = 0;
    for (int i = 0; i < bench->count; i++)
        if (rows[i]) room += 2 * sizeof bench->rows[i].name;
    char *text = malloc(room);
    if (!text) return NULL;
    used += (size_t)snprintf(text, room, "^(");
    for (int i = 0; i < bench->count; i++) {
        if (!rows[i]) continue;
        if (text[used - 1] != '(') text[used++] = '|';
        for (const char *at = bench->rows[i].name; *at && *at != ' '; at++) {
            if (strchr("\\^$.[]|()*+?{}", *at)) text[used++] = '\\';
            text[used++] = *at;
        }
    }
    snprintf(text + used, room - used, ") ");
    return text;
}

/* Measures again what seems to have changed: a disturbance will have passed. */
static enum cupel_status look_again(const struct arguments *arguments, double seconds,
                                    const struct cupel_bench *old, struct rounds *rounds,
                                    struct cupel_bench *bench, struct cupel_error *error) {
    bool *again = calloc((size_t)bench->count + 1, sizeof *again);
    if (!again) return cupel_fail(error, CUPEL_NOMEM, "no memory for a second look");
    enum cupel_status status = bench_doubts(bench, old, again, error);
    char *filter = status == CUPEL_OK ? filter_of(bench, again) : NULL;
    if (status == CUPEL_OK && !filter) status = cupel_fail(error, CUPEL_NOMEM, "no memory for a filter");
    if (status == CUPEL_OK) status = run_rounds(arguments, filter, seconds, MORE_ROUNDS, rounds, error);
    if (status == CUPEL_OK) status = bench_merge(rounds->done, rounds->count, bench, error);
    if (status == CUPEL_OK) status = cupel_bench_compare(bench, old, error);
    free(filter);
    free(again);
    return status;
}

static enum cupel_status measure(const struct arguments *arguments, const struct cupel_bench_options *options,
                                 const struct cupel_bench *old, struct rounds *rounds,
                                 struct cupel_bench *bench, struct cupel_error *error) {
    const int count = arguments->rounds ? (int)arguments->rounds : ROUNDS;
    struct cupel_bench_options own = *options;
    own.seconds = (options->seconds > 0 ? options->seconds : bench_seconds) / count;
    rounds->count = 1;
    CUPEL_TRY(bench_ops(&own, !arguments->unverified, &rounds->done[0], error));
    if (old) CUPEL_TRY(cupel_bench_compare(&rounds->done[0], old, error)); /* were they measured alike? */
    CUPEL_TRY(run_rounds(arguments, arguments->filter, own.seconds, count - 1, rounds, error));
    CUPEL_TRY(bench_merge(rounds->done, rounds->count, bench, error));
    if (!old) return CUPEL_OK;
    CUPEL_TRY(cupel_bench_compare(bench, old, error));
    for (int look = 0; look < LOOKS && bench->slower + bench->faster; look++)
        CUPEL_TRY(look_again(arguments, own.seconds, old, rounds, bench, error));
    snprintf(bench->against, sizeof bench->against, "%s", arguments->compare);
    return CUPEL_OK;
}

enum cupel_status bench_rounds(const struct arguments *arguments, const struct cupel_bench_options *options,
                               struct cupel_bench *bench, struct cupel_error *error) {
    struct cupel_bench old = {0};
    struct rounds *rounds = calloc(1, sizeof *rounds);
    if (!rounds) return cupel_fail(error, CUPEL_NOMEM, "no memory for the rounds");
    const bool compares = arguments->compare;
    enum cupel_status status = compares ? cupel_bench_load(arguments->compare, &old, error) : CUPEL_OK;
    if (status == CUPEL_OK)
        status = measure(arguments, options, compares ? &old : NULL, rounds, bench, error);
    for (int r = 0; r < rounds->count; r++) cupel_bench_free(&rounds->done[r]);
    cupel_bench_free(&old);
    free(rounds);
    return status;
}
