/* The program's surface: help, exit statuses, what it refuses and how. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "program.h"

static const struct {
    const char *name, *flags; /* those that its help must show */
} commands[] = {
    {"train",
     "--data PATH|--device NAME|--precision f32|--epochs N|--steps N|--batch N|--seed N|--deterministic|"
     "--set KEY=VALUE|--out DIR|--resume|--init FILE|--threads N|--skip-bad"},
    {"eval",
     "--weights FILE|--data PATH|--skip-bad|--device NAME|--threads N|--n N|--features "
     "MODEL|--features-weights FILE"},
    {"predict", "--weights FILE|--device NAME|IMAGE..."},
    {"sample",
     "--weights FILE|--out PNG|--n N|--grid RxC|--single|--seed N|--label CLASS|--interpolate|--vector EXPR|"
     "--latents FILE|--batchnorm running|--device NAME"},
    {"plan", "--device NAME|--batch N|--set KEY=VALUE"},
    {"dump", "--weights FILE|--batch FILE|--steps N|--out FILE|--device NAME"},
    {"data", "scan PATH|--threads N"},
    {"bench",
     "--filter REGEX|--seconds NUMBER|--json FILE|--compare FILE|--trace FILE|--batch N|--device "
     "NAME|--threads N"},
    {"doctor", "--data PATH"},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

Test(cli, help_shows_every_command_and_flag) {
    struct outcome all = run_cupel("--help");
    cr_assert(all.status == 0 && !*all.err, "%s", all.err);
    for (int i = 0; i < N_COMMANDS; i++) {
        char text[300];
        snprintf(text, sizeof text, "\n  %s ", commands[i].name);
        cr_expect(strstr(run_cupel("help").out, text), "%s is not listed", commands[i].name);
        snprintf(text, sizeof text, "%s --help", commands[i].name);
        struct outcome one = run_cupel(text);
        cr_expect(one.status == 0 && !*one.err, "%s", one.err);
        snprintf(text, sizeof text, "usage: cupel %s", commands[i].name);
        cr_expect_eq(strstr(one.out, text), one.out, "%s", one.out);
        char flags[300];
        snprintf(flags, sizeof flags, "%s", commands[i].flags);
        for (char *flag = strtok(flags, "|"); flag; flag = strtok(NULL, "|"))
            cr_expect(strstr(one.out, flag), "help of %s lacks %s", commands[i].name, flag);
    }
}

Test(cli, version_is_one_line) {
    struct outcome outcome = run_cupel("--version");
    int major, minor, patch, used = 0;
    cr_assert_eq(outcome.status, 0);
    cr_assert_eq(sscanf(outcome.out, "cupel %d.%d.%d\n%n", &major, &minor, &patch, &used), 3);
    cr_assert_eq(outcome.out[used], '\0');
}

Test(cli, no_command_is_a_usage_error) {
    struct outcome outcome = run_cupel("");
    cr_assert(outcome.status == 2 && !*outcome.out && strstr(outcome.err, "usage: cupel COMMAND"));
}

/* Command lines that exit with 2 and say this, all of it on standard error. */
static const struct {
    const char *arguments, *message;
} refused[] = {
    /* commands */
    {"trian m.yaml", "cupel: unknown command 'trian'; did you mean 'train'?; commands: train, eval"},
    {"weigh m.yaml",
     "cupel: unknown command 'weigh'; commands: train, eval, predict, sample, plan, dump, data, check, "
     "bench, doctor"},
    {"--verison", "cupel: unknown flag '--verison'"},
    {"''", "cupel: unknown command ''"},
    /* flags */
    {"train m.yaml --epoch 3", "cupel: unknown flag '--epoch'; did you mean '--epochs'?"},
    {"train m.yaml --weights w", "cupel: unknown flag '--weights'"},
    {"train m.yaml -e", "cupel: unknown flag '-e'"},
    {"train m.yaml --epochs", "cupel: --epochs needs a value: --epochs N"},
    {"train m.yaml --epochs --resume", "cupel: --epochs needs a value"},
    {"train m.yaml --epochs=", "cupel: --epochs: its value is empty"},
    {"train m.yaml --epochs 3x", "cupel: --epochs: '3x' is not a whole number"},
    {"train m.yaml --epochs ' 3'", "cupel: --epochs: ' 3' is not a whole number"},
    {"train m.yaml --epochs 1.5", "cupel: --epochs: '1.5' is not a whole number"},
    {"train m.yaml --epochs 0", "cupel: --epochs: 0 is out of range; it goes from 1 to 2147483647"},
    {"train m.yaml --epochs -1", "cupel: --epochs: -1 is out of range"},
    {"train m.yaml --seed 99999999999999999999", "cupel: --seed: 99999999999999999999 is out of range"},
    {"train m.yaml --batch 4 --batch 5", "cupel: --batch is given twice"},
    {"train m.yaml --resume=yes", "cupel: --resume takes no value"},
    {"train m.yaml --precision f99", "cupel: --precision: 'f99' is none of f32|tf32|bf16|f16"},
    {"train m.yaml --device cpu --precision f16", "cupel: device cpu does not compute in f16; use f32"},
    {"train m.yaml --threads 5000", "cupel: --threads: 5000 is out of range; it goes from 1 to 1024"},
    {"train m.yaml --device gpu",
     "cupel: no device 'gpu'; known devices: auto, cuda[:N], cpu, reference, emu"},
    {"train m.yaml --device cuda:999", "cupel: device cuda:999: "},
    {"train m.yaml --device cuda:x", "cupel: no device 'cuda:x'"},
    {"train m.yaml --device emu:1", "cupel: no device 'emu:1'"},
    {"train m.yaml --resume --init w", "cupel: --init: has no effect with --resume"},
    {"train m.yaml --resume --out none", "cupel: none/checkpoint.safetensors: "},
    {"train m.yaml --init none", "cupel: none: No such file"},
    {"train m.yaml --data /none", "cupel: /none: No such file or directory: train-images-idx3-ubyte"},
    {"train m.yaml --batch 101", "a batch of 101 cannot be filled from 100 training images"},
    {"train m.yaml --out m.yaml", "m.yaml"},
    {"train", "cupel: which model? Name a model file"},
    {"train m.yaml other.yaml", "cupel: 'other.yaml' is one argument too many"},
    {"eval m.yaml", "cupel: --weights FILE is missing"},
    {"eval m.yaml --weights none.safetensors", "cupel: none.safetensors: No such file"},
    {"eval m.yaml --weights m.yaml", "cupel: m.yaml: "},
    {"predict m.yaml --weights w", "cupel: which image? Name a PNG or JPEG file"},
    {"predict m.yaml --weights w none.png", "cupel: none.png: No such file"},
    {"predict m.yaml --weights w m.yaml", "cupel: m.yaml: "},
    {"eval m.yaml --weights w --features m.yaml",
     "cupel: m.yaml: --features, --features-weights and --n are for gans"},
    {"sample m.yaml --weights w", "cupel: --out PNG is missing"},
    {"sample m.yaml --weights w --out o.png",
     "cupel: m.yaml: images are made by models of `task: gan`; this is none"},
    {"sample m.yaml --weights w --out o.png --batchnorm off",
     "cupel: --batchnorm: 'off' is none of running|batch"},
    {"dump m.yaml --steps 3 --out o", "cupel: --batch FILE is missing"},
    {"dump m.yaml --steps 3 --out o --batch none", "cupel: none: No such file"},
    {"data", "cupel: which data set? Write `cupel data scan PATH`"},
    {"data scan", "cupel: which data set? Write `cupel data scan PATH`"},
    {"data look data", "cupel: 'look' is nothing to do with data; write `cupel data scan PATH`"},
    {"data scan data more", "cupel: 'more' is one argument too many"},
    {"data scan none", "cupel: none: No such file or directory"},
    {"doctor now", "cupel: 'now' is one argument too many"},
    /* model files and overrides */
    {"plan none.yaml", "cupel: none.yaml: "},
    {"plan .", "cupel: .: "},
    {"plan m.yaml --set train.epoch=3",
     "cupel: --set train.epoch=3: unknown key of train 'epoch'; did you mean 'epochs'?"},
    {"train m.yaml --set data.format=folder", "cupel: data: holds no images: no file below it ends in .png"},
    {"train m.yaml --set data.format=cifar10",
     "cupel: data: its images are [3, 32, 32] (channels, height, width), but [1, 8, 8] are expected"},
    {"plan m.yaml --set train.epochs", "cupel: --set train.epochs: this is no setting; write key=value"},
    {"plan m.yaml --set", "cupel: --set needs a value: --set KEY=VALUE"},
};

Test(cli, mistakes_are_named_and_exit_with_2) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct outcome outcome = run_cupel(refused[i].arguments);
        cr_expect_eq(outcome.status, 2, "%s: status %d, signal %d", refused[i].arguments, outcome.status,
                     outcome.signal);
        cr_expect(strstr(outcome.err, refused[i].message), "%s: %s", refused[i].arguments, outcome.err);
    }
}

/* Model files, whole, and what is said of them. */
static const struct {
    const char *text, *message;
} wrong_models[] = {
    {"", "cupel: wrong.yaml:1:1: "},
    {"task: [", "cupel: wrong.yaml:2:1: bad YAML: "},
    {"\x01", "cupel: wrong.yaml:1:1: this is no text: "},
    {"- task\n", "cupel: wrong.yaml:1:1: "},
    {"task: classify\ntask: gan\n", "cupel: wrong.yaml:2:1: "},
    {"task: classify\n", "cupel: wrong.yaml:1:1: the model needs the key 'data'"},
    {"task: &a classify\n", "cupel: wrong.yaml:1:7: "},
    {"task: clasify\ndata: {}\nnetworks: {}\ntrain: {}\n",
     "cupel: wrong.yaml:1:7: unknown task 'clasify'; did you mean 'classify'? (known: classify, gan, "
     "segment)\n"
     "    task: clasify\n"
     "          ^\n"},
};

Test(cli, wrong_model_files_are_quoted_and_exit_with_2) {
    for (size_t i = 0; i < sizeof wrong_models / sizeof *wrong_models; i++) {
        work_file("wrong.yaml", wrong_models[i].text);
        struct outcome outcome = run_cupel("train wrong.yaml");
        cr_expect_eq(outcome.status, 2, "%s: status %d", wrong_models[i].text, outcome.status);
        cr_expect_eq(strstr(outcome.err, wrong_models[i].message), outcome.err, "%s: %s",
                     wrong_models[i].text, outcome.err);
        cr_expect_str_empty(outcome.out);
    }
}

Test(cli, plan_counts_the_parameters_of_lenet5) {
    struct outcome outcome =
        run_cupel("plan " CUPEL_SOURCE_DIR "/models/lenet5.yaml --set data.path=/none --batch 7");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    cr_assert(strstr(outcome.out, "61,706 parameters"));
    cr_assert(strstr(outcome.out, "net.conv2"));
    cr_assert(strstr(outcome.out, "[16, 10, 10]"));
    cr_assert(strstr(outcome.out, "One training step, batch 7, on cpu"));
    cr_assert(strstr(outcome.out, "conv2d_weight"), "the plan itself is missing");
    cr_assert(strstr(outcome.out, "memory: arena"));
}

Test(cli, plan_counts_frozen_parameters) {
    const struct outcome outcome = run_cupel("plan " CUPEL_SOURCE_DIR
                                             "/models/lenet5.yaml --set data.path=/none "
                                             "--set 'train.freeze=[conv?.*]'");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    const char *line = strstr(outcome.out, "\nfrozen ");
    cr_assert(line, "%s", outcome.out);
    cr_expect_eq(strncmp(line + strlen("\nfrozen ") + strspn(line + strlen("\nfrozen "), " "), "2,572\n", 6),
                 0, "%s", line);
    cr_expect(!strstr(outcome.out, "conv2d_weight"), "gradients that nobody wants");
}

Test(cli, words_behind_two_dashes_are_no_flags) {
    struct outcome outcome = run_cupel("plan -- --help");
    cr_assert(outcome.status == 2 && strstr(outcome.err, "cupel: --help: "), "%s", outcome.err);
}

Test(cli, doctor_tells_what_is_there_and_what_is_not) {
    struct outcome outcome = run_cupel("doctor --data data");
    cr_assert_eq(outcome.status, 0);
    const char *const lines[] = {
        "oneDNN     compiled ",
        "libyaml ",
        "cJSON ",
        "libpng ",
        "zlib ",
        "\ncpu ",
        "\nreference ",
        "\ncuda ",
        "\nemu ",
        "\nlibjpeg    compiled turbo ",
        "data: format idx, 100 training and 37 test images of 8 x 8 pixels, 4 classes"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_expect(strstr(outcome.out, lines[i]), "'%s' is missing: %s", lines[i], outcome.out);
    outcome = run_cupel("doctor --data none");
    cr_assert(outcome.status == 2 && strstr(outcome.out, "not available: none: No such file"));
}

/* Modules are looked for in the folder that CUPEL_MODULES names. */
Test(cli, devices_whose_module_does_not_load_say_why) {
    work_file("libcupel-emu.so", "no library");
    const struct {
        const char *device, *message;
    } refused_devices[] = {{"cuda", "device cuda: there is no libcupel-cuda.so in $CUPEL_MODULES"},
                           {"emu", "device emu: ./libcupel-emu.so: file too short"}};
    for (int i = 0; i < 2; i++) {
        char command[120];
        snprintf(command, sizeof command, "CUPEL_MODULES=. exec \"$CUPEL\" train m.yaml --device %s",
                 refused_devices[i].device);
        struct outcome outcome = run_shell(command);
        cr_expect(outcome.status == 2 && strstr(outcome.err, refused_devices[i].message), "%s", outcome.err);
    }
    struct outcome outcome = run_shell("CUPEL_MODULES=. exec \"$CUPEL\" doctor --data data");
    cr_assert_eq(outcome.status, 0);
    cr_assert(strstr(outcome.out, "cuda       not available: there is no libcupel-cuda.so"), "%s",
              outcome.out);
    outcome = run_shell("CUPEL_MODULES=. exec \"$CUPEL\" plan m.yaml");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
}

Test(cli, a_full_disk_is_an_error) {
    struct outcome outcome = run_shell("exec \"$CUPEL\" plan m.yaml > /dev/full");
    cr_assert_eq(outcome.status, 1);
    cr_assert(strstr(outcome.err, "cupel: standard output: No space left on device"), "%s", outcome.err);
}

Test(cli, a_reader_that_goes_away_is_none) {
    struct outcome outcome = run_shell("\"$CUPEL\" plan m.yaml | true");
    cr_assert(outcome.status == 0 && !*outcome.err, "%s", outcome.err);
}
