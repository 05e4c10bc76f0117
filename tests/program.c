#include "program.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.h"
#include "io/file.h"
#include "training.h"

static const char model[] =
    "task: classify\n"
    "data:\n"
    "  format: idx\n"
    "  path: data\n"
    "  shape: [1, 8, 8]\n"
    "  classes: 4\n"
    "  class_names: [north <west>, north & east, south west, south east]\n"
    "  normalize: {mean: [0.3], std: [0.2]}\n"
    "networks:\n"
    "  net:\n"
    "    input: image\n"
    "    layers:\n"
    "      - conv: {name: conv1, out: 4, kernel: 3, pad: 1}\n"
    "      - batchnorm\n"
    "      - relu\n"
    "      - maxpool: {kernel: 2}\n"
    "      - dropout: {p: 0.1}\n"
    "      - flatten\n"
    "      - linear: {name: fc, out: 4}\n"
    "train:\n"
    "  optimizer: {adam: {lr: 0.01}}\n"
    "  batch: 16\n"
    "  epochs: 3\n";

const char *work_directory(void) {
    static char *directory;
    if (directory) return directory;
    struct cupel_error error = {0};
    directory = temporary_path("work");
    cr_assert_eq(directory_make(directory, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(symlink(tiny_set(), work_path("data")), 0);
    work_file("m.yaml", model);
    return directory;
}

const char *work_path(const char *name) {
    return inside(work_directory(), name);
}

void work_file(const char *name, const char *text) {
    spill(work_path(name), text, strlen(text));
}

static void redirect(const char *name, int fd) {
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (file < 0 || dup2(file, fd) < 0) _exit(126);
    close(file);
}

static pid_t start_shell(const char *command) {
    work_directory();
    setenv("CUPEL", CUPEL_BINARY_DIR "/cupel", 1);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid) return pid;
    if (chdir(work_directory())) _exit(126);
    redirect("stdout", STDOUT_FILENO);
    redirect("stderr", STDERR_FILENO);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(126);
}

pid_t start_cupel(const char *arguments) {
    char *command;
    cr_assert_gt(asprintf(&command, "exec \"$CUPEL\" %s", arguments), 0);
    pid_t pid = start_shell(command);
    free(command);
    return pid;
}

/* What the last program wrote to the file; the text before it is freed. */
static const char *written(const char *name, char **text) {
    size_t size;
    free(*text);
    *text = read_whole(work_path(name), &size);
    return *text;
}

struct outcome finish(pid_t pid) {
    static char *out, *err;
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return (struct outcome){
        .status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        .out = written("stdout", &out),
        .err = written("stderr", &err),
    };
}

struct outcome run_cupel(const char *arguments) {
    return finish(start_cupel(arguments));
}

struct outcome run_shell(const char *command) {
    return finish(start_shell(command));
}
