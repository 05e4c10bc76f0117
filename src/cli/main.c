/* cupel: trains and examines models from the command line. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/options.h"

static const struct command commands[] = {
    {"train", COMMAND_TRAIN, "MODEL", "Train a model file",
     "The run's directory gets metrics.jsonl, checkpoint.safetensors, best.safetensors, TensorBoard\n"
     "events and report.html. The first interrupt saves a checkpoint and stops; --resume goes on from it.",
     command_train},
    {"eval", COMMAND_EVAL, "MODEL", "Measure trained weights on the test split",
     "Prints loss, accuracy, top-5 accuracy, the accuracy of each class and the confusion matrix. Of a\n"
     "segmenter: mean IoU and that of each class besides. Of a gan: the Frechet distance between generated "
     "and test images in a classifier's features, precision and "
     "recall.",
     command_eval},
    {"predict", COMMAND_PREDICT, "MODEL IMAGE...", "Classify PNG and JPEG images, or their pixels",
     "Images are turned into gray or RGB as the model wants them; their size must be the model's,\n"
     "unless its data says `resize: true`. A segmenter writes a mask NAME.png for each, with a palette.",
     command_predict},
    {"sample", COMMAND_SAMPLE, "MODEL", "Make images with a trained generator",
     "Writes a PNG file with seed, model and checksum of the weights as text, and the latents beside it. "
     "The\n"
     "same seed gives the same images.",
     command_sample},
    {"plan", COMMAND_PLAN, "MODEL", "Show a model: layers, shapes, parameters, FLOPs, and the plan of a step",
     "Needs no data set.", command_plan},
    {"dump", COMMAND_DUMP, "MODEL", "Run training steps on a given batch and write every value to a file",
     "Writes loss/NAME of every step, act/LAYER and grad/PARAMETER of the first step, and\n"
     "param/PARAMETER after the last, to compare with other programs. Needs no data set.",
     command_dump},
    {"data", COMMAND_DATA, "scan PATH", "Look through a data set: counts, sizes, classes, broken files",
     "PATH holds IDX, CIFAR or NumPy files, or images, flat or in a directory for each class. Exits with 1 "
     "when\n"
     "files are broken, which are then named.",
     command_data},
    {"check", COMMAND_CHECK, "MODEL|ops",
     "Compare a device with another: each node of a training step, or the case table",
     "Each node gets the same inputs on both devices, so that the first that differs is the one to look at;\n"
     "then both take some steps on their own. `ops` runs all cases that kernels are tested with; `--repro`\n"
     "what a check saved. Needs no data set. Exit status 1 when something differs.",
     command_check},
    {"bench", COMMAND_BENCH, "MODEL|ops",
     "Time a training step, or kernels one by one, and compare with an earlier time",
     "`ops` times the nodes of the case table and of known models, after checking their results, in rounds\n"
     "that are processes of their own; a model is timed step by step and node by node. Needs no data set.\n"
     "Exit status 1 when something has become slower beyond noise, or gives wrong results.",
     command_bench},
    {"doctor", COMMAND_DOCTOR, "", "Show versions, devices, processor and data set, and what is missing",
     NULL, command_doctor},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void help(FILE *file) {
    fputs(
        "Cupel trains neural networks from model files and shows what they do.\n\n"
        "usage: cupel COMMAND [ARGUMENT]...\n\nCommands:\n",
        file);
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(file, "  %-8s %-14s %s\n", commands[i].name, commands[i].words, commands[i].summary);
    fputs(
        "\n`cupel COMMAND --help` shows a command's flags, `cupel --version` the version.\n"
        "A first run: cupel train models/lenet5.yaml --epochs 3\n"
        "Exit status: 0 done, 1 the run failed, 2 usage or bad input.\n",
        file);
}

static int refuse_command(const char *name) {
    const char *nearest = cupel_nearest(name, commands, N_COMMANDS, sizeof *commands);
    char known[200];
    for (size_t i = 0, used = 0; i < N_COMMANDS; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", commands[i].name);
    complain("unknown %s '%.80s'%s%s%s; commands: %s", *name == '-' ? "flag" : "command", name,
             nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "", known);
    return EXIT_BAD_INPUT;
}

static int run_command(const struct command *command, int count, char **argv) {
    struct arguments arguments;
    int status;
    if (arguments_read(command, count, argv, &arguments, &status)) status = command->run(&arguments);
    arguments_free(&arguments);
    return status;
}

static int run(int count, char **argv) {
    if (count < 2) {
        help(stderr);
        return EXIT_BAD_INPUT;
    }
    const char *word = argv[1];
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) {
        help(stdout);
        return EXIT_DONE;
    }
    if (!strcmp(word, "--version")) {
        printf("cupel %s\n", cupel_version());
        return EXIT_DONE;
    }
    for (int i = 0; i < N_COMMANDS; i++)
        if (!strcmp(word, commands[i].name)) return run_command(&commands[i], count - 2, argv + 2);
    return refuse_command(word);
}

/* OpenMP's idle threads spin for milliseconds by default. When other programs want the processors too, that takes the time
 * slices in which the thread that is waited for could run, and training becomes many times slower. The runtime reads its
 * settings when it is loaded, so changing them takes a fresh start of the program. */
static void limit_spinning(char **argv) {
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY")) return;
    if (setenv("GOMP_SPINCOUNT", "2000", 1) == 0) execv("/proc/self/exe", argv); /* else it works as it is */
}

int main(int count, char **argv) {
    limit_spinning(argv);
    prctl(PR_SET_NAME, "cupel"); /* the fresh start is called `exe` */
    int status = run(count, argv);
    /* What was printed counts only when it has arrived. A reader that went away is no failure to talk about:
     * `train` sees it as EPIPE, for the other commands the system ends the program. */
    bool failed = ferror(stdout);
    errno = 0;
    failed |= fflush(stdout) != 0;
    if (failed && errno != EPIPE) {
        complain("standard output: %s", errno ? strerror(errno) : "writing failed");
        if (status == EXIT_DONE) status = EXIT_RUN_FAILED;
    }
    return status;
}
