/* cupel train: a run, told as it goes. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/common.h"
#include "cupel/report.h"

static volatile sig_atomic_t stop;

/* The first signal asks for a checkpoint and an end; the next one acts as if nobody had listened. */
static void ask_to_stop(int number) {
    (void)number;
    stop = 1;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

static void listen_to_signals(void) {
    struct sigaction action = {.sa_handler = ask_to_stop, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* A reader that goes away (`cupel train ... | head`) ends the run as a signal does. */
    signal(SIGPIPE, SIG_IGN);
}

/* ---- what is shown ---- */

enum { PLAIN_INTERVAL = 15 }; /* seconds between two lines where there is no terminal */

struct display {
    const struct cupel_model *model;
    bool terminal;
    bool live;      /* a live line is on the screen */
    double printed; /* the run's time at the last plain line */
    void (*note)(void *context, const char *text);
};

/* Hands what was printed to its reader. */
static void show(void) {
    if (fflush(stdout) && errno == EPIPE) stop = 1;
}

static void clear_live_line(struct display *display) {
    if (display->live) fputs("\r\033[K", stdout);
    display->live = false;
}

/* What a line says of the losses. */
static void loss_text(const struct display *display, const struct cupel_training_point *point, char *text,
                      size_t room) {
    const struct cupel_gan_point *gan = &point->gan;
    if (cupel_model_task(display->model) == CUPEL_TASK_GAN)
        snprintf(text, room, "loss D %.4f G %.4f  D(x) %.2f  D(G(z)) %.2f, %.2f", gan->discriminator_loss,
                 gan->generator_loss, gan->real_score, gan->fake_score, gan->after_score);
    else
        snprintf(text, room, "loss %.4f", point->loss);
}

static void print_progress(void *context, const struct cupel_progress *progress) {
    struct display *display = context;
    const struct cupel_training_point *point = &progress->point;
    if (!display->terminal && point->time - display->printed < PLAIN_INTERVAL) return;
    display->printed = point->time;
    char line[256], losses[120];
    loss_text(display, point, losses, sizeof losses);
    snprintf(line, sizeof line,
             "step %" PRId64 "/%" PRId64 "  epoch %" PRId64 "/%" PRId64
             "  %s  %.0f img/s  data wait %.0f %%  ETA %s",
             point->step, progress->steps, point->epoch, progress->epochs, losses, point->images_per_second,
             100 * progress->data_wait, time_text(progress->eta));
    if (display->terminal) {
        struct winsize window = {0};
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &window);
        int columns = window.ws_col ? window.ws_col : 80;
        printf("\r\033[K%.*s", columns - 1, line);
        display->live = true;
    } else {
        printf("%s\n", line);
    }
    show();
}

static void print_evaluation(void *context, const struct cupel_evaluation_point *point) {
    struct display *display = context;
    clear_live_line(display);
    printf("epoch %" PRId64 "  step %" PRId64 "  %s loss %.4f  accuracy %.2f %%", point->epoch, point->step,
           point->validation ? "validation" : "test", point->loss, 100 * point->accuracy);
    if (cupel_model_task(display->model) == CUPEL_TASK_SEGMENT)
        printf("  mean IoU %.2f %%", 100 * point->iou);
    else if (cupel_model_data(display->model)->classes > 5)
        printf("  top-5 %.2f %%", 100 * point->top5);
    printf("  %s\n", time_text(point->time));
    display->printed = point->time;
    show();
}

/* The note of a run, below its live line. */
static void print_note(void *context, const char *text) {
    struct display *display = context;
    clear_live_line(display);
    display->note(NULL, text);
}

static enum cupel_status print_start(const struct cupel_model *model,
                                     const struct cupel_train_options *options, struct cupel_error *error) {
    struct cupel_device *device;
    CUPEL_TRY(cupel_device_open(options->run.device ? options->run.device : "auto", options->run.threads,
                                &device, error));
    char frozen[60] = "";
    const struct cupel_network *network;
    int64_t still = 0;
    for (int i = 0; (network = cupel_model_network(model, i)); i++) still += network_frozen(network);
    if (still) snprintf(frozen, sizeof frozen, ", %s of them frozen", count_text(still));
    printf("%s: %s parameters%s, on %s (%s), into %s\n", cupel_model_name(model),
           count_text(model_parameters(model)), frozen, cupel_device_name(device),
           cupel_device_describe(device), options->out);
    cupel_device_close(device);
    show();
    return CUPEL_OK;
}

static void print_end(const struct cupel_train_options *options, const struct cupel_train_result *result,
                      bool gan) {
    if (result->stopped && !result->step) {
        printf("stopped before the first step; there is nothing to go on with\n");
        return;
    }
    if (result->stopped)
        printf("stopped after step %s; the same command with --resume goes on from there\n",
               count_text(result->step));
    else if (result->early)
        printf("stopped early after step %s: the loss no longer fell\n", count_text(result->step));
    if (result->evaluation.count) {
        printf("test accuracy %.2f %%, ", 100 * result->evaluation.accuracy);
        if (result->evaluation.class_iou) printf("mean IoU %.2f %%, ", 100 * result->evaluation.iou);
        printf("loss %.4f, on %s images\n", result->evaluation.loss, count_text(result->evaluation.count));
    }
    printf("checkpoint %s/checkpoint.safetensors\nreport     %s/report.html\n", options->out, options->out);
    if (gan) printf("samples    %s/samples\n", options->out);
}

/* ---- the run ---- */

/* "runs/lenet5" for "models/lenet5.yaml"; NULL when memory is out. */
static char *default_directory(const char *model) {
    const char *slash = strrchr(model, '/'), *name = slash ? slash + 1 : model;
    const char *dot = strrchr(name, '.');
    char *path;
    return asprintf(&path, "runs/%.*s", (int)(dot && dot > name ? (size_t)(dot - name) : strlen(name)),
                    name) < 0
               ? NULL
               : path;
}

/* Refuses to train over the checkpoint of another run. */
static enum cupel_status check_directory(const struct cupel_train_options *options,
                                         struct cupel_error *error) {
    char *path;
    if (asprintf(&path, "%s/checkpoint.safetensors", options->out) < 0)
        return cupel_fail(error, CUPEL_NOMEM, "no memory for a file name");
    bool there = access(path, F_OK) == 0;
    free(path);
    if (!there || options->resume) return CUPEL_OK;
    return cupel_fail(error, CUPEL_INVALID,
                      "%s: holds a checkpoint already; go on with that run by --resume, choose another "
                      "directory by --out, or remove this one",
                      options->out);
}

static enum cupel_status train(const struct cupel_model *model, const struct cupel_train_options *options,
                               struct cupel_error *error) {
    struct cupel_train_result result = {0};
    CUPEL_TRY(check_directory(options, error));
    CUPEL_TRY(print_start(model, options, error));
    listen_to_signals();
    enum cupel_status status = cupel_train(model, options, &result, error);
    clear_live_line(options->watcher.context);
    if (status == CUPEL_OK && result.step) status = cupel_report_write(model, options, &result, error);
    if (result.failed) cupel_report_write(model, options, &result, NULL); /* says what led to it */
    if (status == CUPEL_OK) print_end(options, &result, cupel_model_task(model) == CUPEL_TASK_GAN);
    cupel_train_result_free(&result);
    return status;
}

int command_train(const struct arguments *arguments) {
    struct cupel_model *model;
    struct cupel_error error = {0};
    if (arguments->resume && arguments->init) {
        complain("--init: has no effect with --resume, which takes all from the checkpoint; leave one out");
        return EXIT_BAD_INPUT;
    }
    if (model_open(arguments, &model, &error)) return complain_error(&error);
    struct display display = {.model = model, .terminal = isatty(STDOUT_FILENO)};
    char *directory = arguments->out ? strdup(arguments->out) : default_directory(arguments->model);
    struct cupel_train_options options = {
        .run = run_options(arguments),
        .epochs = arguments->epochs,
        .steps = arguments->steps,
        .out = directory,
        .resume = arguments->resume,
        .init = arguments->init,
        .init_skip = arguments->init_skip.items,
        .init_skip_count = arguments->init_skip.count,
        .sample_steps = arguments->sample_steps,
        .stop = &stop,
        .watcher = {&display, print_progress, print_evaluation},
    };
    display.note = options.run.note;
    options.run.note = print_note;
    options.run.note_context = &display;
    enum cupel_status status = directory ? train(model, &options, &error)
                                         : cupel_fail(&error, CUPEL_NOMEM, "no memory for a file name");
    free(directory);
    cupel_model_free(model);
    return status ? complain_error(&error) : EXIT_DONE;
}
