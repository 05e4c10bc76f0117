/* The program's work: runs from the command line, interrupted in every way, and what they leave. */
#include <criterion/criterion.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"
#include "training.h"

static void expect_same_file(const char *a, const char *b) {
    size_t size_a, size_b;
    char *bytes_a = read_whole(work_path(a), &size_a), *bytes_b = read_whole(work_path(b), &size_b);
    cr_expect(size_a == size_b && memcmp(bytes_a, bytes_b, size_a) == 0, "%s and %s differ", a, b);
    free(bytes_a);
    free(bytes_b);
}

static void expect_text(const char *text, const char *part) {
    cr_expect(strstr(text, part), "'%s' is missing in: %s", part, text);
}

static void succeed(const char *arguments) {
    struct outcome outcome = run_cupel(arguments);
    cr_assert_eq(outcome.status, 0, "%s: status %d, signal %d: %s", arguments, outcome.status, outcome.signal,
                 outcome.err);
}

Test(cli_run, trains_evaluates_and_predicts) {
    struct outcome outcome = run_cupel("train m.yaml");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    cr_expect_str_empty(outcome.err);
    expect_text(outcome.out, "m.yaml: 308 parameters, on cpu (");
    expect_text(outcome.out, "epoch 3  step 18  test loss ");
    expect_text(outcome.out, "\ntest accuracy 100.00 %");
    expect_text(outcome.out, "runs/m/checkpoint.safetensors\n");
    expect_text(outcome.out, "runs/m/report.html\n");
    cr_expect(!strchr(outcome.out, '\r'), "a live line where there is no terminal");

    outcome = run_cupel("eval m.yaml --weights runs/m/best.safetensors");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    expect_text(outcome.out, "on 37 test images");
    expect_text(outcome.out, "\naccuracy  100.00 %\n");
    expect_text(outcome.out, "    1  north & east            7   100.00 %\n");
    expect_text(outcome.out, "    1       .      7      .      .\n");

    /* One gray and one coloured image, bright in the south east and in the north west. */
    uint8_t gray[64] = {0}, colours[192] = {0};
    for (int i = 0; i < 64; i++) gray[i] = i / 8 >= 4 && i % 8 >= 4 ? 150 : 60;
    for (int i = 0; i < 192; i++) colours[i] = i % 64 / 8 < 4 && i % 8 < 4 ? 150 : 60;
    struct cupel_image image = {1, 8, 8, gray}, coloured = {3, 8, 8, colours};
    cr_assert_eq(cupel_image_write(work_path("a.png"), &image, NULL, 0, NULL), CUPEL_OK);
    cr_assert_eq(cupel_image_write(work_path("b.png"), &coloured, NULL, 0, NULL), CUPEL_OK);
    outcome = run_cupel("predict m.yaml --weights runs/m/checkpoint.safetensors a.png b.png");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    char first[40], second[40];
    float p, q;
    cr_assert_eq(sscanf(outcome.out, "a.png %f %% %39[^\n]", &p, first), 2, "%s", outcome.out);
    cr_assert_str_eq(first, "south east");
    cr_assert_eq(sscanf(strstr(outcome.out, "b.png"), "b.png %f %% %39[^\n]", &q, second), 2);
    cr_assert_str_eq(second, "north <west>");
    cr_assert(p > 50 && p <= 100 && q > 50 && q <= 100);

    image.height = 4;
    cr_assert_eq(cupel_image_write(work_path("low.png"), &image, NULL, 0, NULL), CUPEL_OK);
    outcome = run_cupel("predict m.yaml --weights runs/m/best.safetensors low.png");
    cr_assert_eq(outcome.status, 2);
    expect_text(outcome.err, "cupel: low.png: is 8 pixels wide and 4 high, the model takes 8 by 8");
}

/* Any device reads what another has written, whatever it computes in. */
Test(cli_run, a_run_tells_what_is_frozen_and_what_stays_as_initialised) {
    succeed("train m.yaml --steps 2 --out first");
    const struct outcome outcome = run_cupel(
        "train m.yaml --steps 2 --out next --set 'train.freeze=[conv1.*]' "
        "--init first/best.safetensors --init-skip 'fc.*' '--init-skip=*.bias'");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    expect_text(outcome.out, "m.yaml: 308 parameters, 40 of them frozen, on cpu (");
    expect_text(outcome.err,
                "cupel: note: first/best.safetensors: 4 tensors of the model are left as initialised: ");
}

Test(cli_run, a_run_in_16_bits_is_evaluated_on_the_processor) {
    struct outcome outcome = run_cupel("train m.yaml --device emu --precision bf16 --steps 12 --out half");
    if (outcome.status == 2 && strstr(outcome.err, "device emu")) cr_skip_test("%s", outcome.err);
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    expect_text(outcome.out, "on emu (");
    size_t size;
    char *page = read_whole(work_path("half/report.html"), &size);
    expect_text(page, "bf16");
    free(page);
    succeed("eval m.yaml --weights half/best.safetensors --device cpu");
    succeed("eval m.yaml --weights half/best.safetensors --device emu --precision f16");
    succeed("plan m.yaml --device emu --precision f16");
}

Test(cli_run, the_report_is_one_file_with_everything_escaped) {
    succeed(
        "train m.yaml --epochs 1 --out r --set train.optimizer.adam.lr=1e-4 --set "
        "'data.class_names=[\"<i>\",b,c,d]'");
    size_t size;
    char *page = read_whole(work_path("r/report.html"), &size);
    const char *const parts[] = {"<!doctype html>",
                                 "<title>m</title>",
                                 "Loss</text>",
                                 "learning rate</text>",
                                 "Confusion matrix",
                                 "data:image/png;base64,iVBOR",
                                 "&lt;i&gt;",
                                 "308",
                                 "train.optimizer.adam.lr=1e-4",
                                 "class_names: [north &lt;west&gt;",
                                 "</html>"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        cr_expect(strstr(page, parts[i]), "the report lacks %s", parts[i]);
    const char *const forbidden[] = {"http:", "https:", "<script", "<link", "url(",
                                     "<i>",   ">nan",   " nan",    ">inf",  " inf"};
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        cr_expect(!strstr(page, forbidden[i]), "the report has %s", forbidden[i]);
    cr_expect_eq(strlen(page), size);
    free(page);
}

Test(cli_run, a_checkpoint_is_not_overwritten_but_resumed) {
    succeed("train m.yaml --epochs 1 --out r");
    struct outcome outcome = run_cupel("train m.yaml --epochs 2 --out r");
    cr_assert_eq(outcome.status, 2);
    expect_text(outcome.err,
                "cupel: r: holds a checkpoint already; go on with that run by --resume, choose "
                "another directory by --out, or remove this one");
    succeed("train m.yaml --epochs 2 --out r --resume");
    succeed("train m.yaml --epochs 2 --out whole");
    expect_same_file("r/checkpoint.safetensors", "whole/checkpoint.safetensors");
}

/* ---- interruptions ---- */

static long size_of(const char *name) {
    struct stat info;
    return stat(work_path(name), &info) ? 0 : (long)info.st_size;
}

/* Waits until a file has more than `size` bytes. */
static void wait_for(const char *name, long size) {
    for (int i = 0; i < 60000 && size_of(name) <= size; i++) usleep(500);
    cr_assert_gt(size_of(name), size, "%s never came", name);
}

Test(cli_run, ten_steps_and_ten_more_are_twenty) {
    succeed("train m.yaml --steps 10 --out r");
    succeed("train m.yaml --steps 20 --out r --resume");
    succeed("train m.yaml --steps 20 --out whole");
    expect_same_file("r/checkpoint.safetensors", "whole/checkpoint.safetensors");
}

Test(cli_run, a_killed_run_goes_on_as_if_nothing_had_been) {
    enum { KILLS = 3 };
    succeed("train m.yaml --epochs 60 --out whole");
    pid_t pid = start_cupel("train m.yaml --epochs 60 --out r");
    long size = 0;
    for (int i = 0; i < KILLS; i++) {
        /* Three evaluations, so that there is a checkpoint; and not always at the same moment after it. */
        wait_for("r/metrics.jsonl", size + 600);
        usleep((useconds_t)(2000 * i));
        kill(pid, SIGKILL);
        struct outcome outcome = finish(pid);
        cr_assert_eq(outcome.signal, SIGKILL, "it was over before the kill: %s", outcome.out);
        size = size_of("r/metrics.jsonl");
        pid = start_cupel("train m.yaml --epochs 60 --out r --resume");
    }
    struct outcome outcome = finish(pid);
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    expect_same_file("r/checkpoint.safetensors", "whole/checkpoint.safetensors");
    expect_same_file("r/best.safetensors", "whole/best.safetensors");
}

static void stop_and_resume(int number) {
    pid_t pid = start_cupel("train m.yaml --epochs 60 --out r");
    wait_for("r/checkpoint.safetensors", 0);
    kill(pid, number);
    struct outcome outcome = finish(pid);
    cr_assert_eq(outcome.status, 0, "status %d, signal %d: %s", outcome.status, outcome.signal, outcome.err);
    expect_text(outcome.out, "\nstopped after step ");
    expect_text(outcome.out, "with --resume goes on from there");
    cr_assert(!strstr(outcome.out, "step 360 "), "it was over before the signal");
    cr_expect_eq(access(work_path("r/report.html"), F_OK), 0, "no report");
    succeed("train m.yaml --epochs 60 --out r --resume");
    succeed("train m.yaml --epochs 60 --out whole");
    expect_same_file("r/checkpoint.safetensors", "whole/checkpoint.safetensors");
}

Test(cli_run, an_interrupt_saves_and_stops) {
    stop_and_resume(SIGINT);
}

Test(cli_run, so_does_a_request_to_terminate) {
    stop_and_resume(SIGTERM);
}

Test(cli_run, a_reader_that_goes_away_stops_the_run_quietly) {
    struct outcome outcome = run_shell("\"$CUPEL\" train m.yaml --epochs 2000 --out r | head -n 1");
    cr_expect(outcome.status == 0 && !*outcome.err, "%s", outcome.err);
    expect_text(outcome.out, "308 parameters");
    cr_expect_eq(access(work_path("r/checkpoint.safetensors"), F_OK), 0, "no checkpoint");
}

Test(cli_run, a_checkpoint_that_does_not_fit_the_disk_is_an_error) {
    /* A limit on the size of files stands for the full disk. */
    struct outcome outcome =
        run_shell("trap '' XFSZ; ulimit -f 2; exec \"$CUPEL\" train m.yaml --steps 1 --out r");
    cr_assert_eq(outcome.status, 1, "%s", outcome.err);
    expect_text(outcome.err, "safetensors: writing failed: File too large");
    outcome = run_shell("ls -A r");
    cr_expect(!strstr(outcome.out, "tmp"), "a temporary file is left: %s", outcome.out);
}

Test(cli_run, a_terminal_gets_a_live_line) {
    static char text[1 << 16];
    size_t size = 0;
    int terminal;
    struct winsize window = {.ws_row = 24, .ws_col = 60};
    work_directory();
    pid_t pid = forkpty(&terminal, NULL, NULL, &window);
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        if (chdir(work_directory())) _exit(126);
        execl(CUPEL_BINARY_DIR "/cupel", "cupel", "train", "m.yaml", "--out", "r", (char *)NULL);
        _exit(126);
    }
    ssize_t got;
    while (size < sizeof text - 1 && (got = read(terminal, text + size, sizeof text - 1 - size)) > 0)
        size += (size_t)got;
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    close(terminal);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s", text);
    const char *line = strstr(text, "\r\033[Kstep ");
    cr_assert_not_null(line, "no live line: %s", text);
    expect_text(line, "/18  epoch ");
    /* What does not fit would wrap, and the line would not be rewritten in place. */
    size_t length = strcspn(line + 4, "\r\n");
    cr_expect_leq(length, 59, "a live line of %zu characters on 60 columns", length);
    expect_text(text, "\r\033[Kepoch 1  step 6  test loss");
}

/* ---- dump ---- */

Test(cli_run, dump_writes_every_value) {
    struct cupel_weights batch = {0}, dumped = {0};
    float pixels[3 * 64];
    const int64_t labels[3] = {2, 0, 3};
    struct cupel_error error = {0};
    for (int i = 0; i < 3 * 64; i++) pixels[i] = (float)(i % 7) / 7 - 0.4f;
    cr_assert_eq(cupel_weights_add(&batch, "image", CUPEL_F32, &CUPEL_SHAPE(3, 1, 8, 8), pixels, &error),
                 CUPEL_OK);
    cr_assert_eq(cupel_weights_add(&batch, "label", CUPEL_I64, &CUPEL_SHAPE(3), labels, &error), CUPEL_OK);
    cr_assert_eq(cupel_weights_save(&batch, work_path("batch.safetensors"), &error), CUPEL_OK);
    succeed("dump m.yaml --batch batch.safetensors --steps 4 --out dump.safetensors");
    cr_assert_eq(cupel_weights_load(work_path("dump.safetensors"), &dumped, &error), CUPEL_OK, "%s",
                 error.message);
    const struct {
        const char *name;
        struct cupel_shape shape;
    } expected[] = {
        {"loss/loss", CUPEL_SHAPE(4)},
        {"act/net.conv1", CUPEL_SHAPE(3, 4, 8, 8)},
        {"act/net.fc", CUPEL_SHAPE(3, 4)},
        {"grad/net.conv1.weight", CUPEL_SHAPE(4, 1, 3, 3)},
        {"param/net.batchnorm1.running_mean", CUPEL_SHAPE(4)},
        {"param/net.fc.bias", CUPEL_SHAPE(4)},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const struct cupel_weight *found = cupel_weights_find(&dumped, expected[i].name);
        cr_assert(found && cupel_shape_equal(&found->shape, &expected[i].shape), "%s", expected[i].name);
    }
    const float *loss = cupel_weights_find(&dumped, "loss/loss")->data;
    cr_assert(loss[0] > 0.5f && loss[0] < 5 && loss[3] != loss[0]);
    cupel_weights_free(&batch);
    cupel_weights_free(&dumped);
}
