/* A handler that finds a kernel running records the error and makes the interrupted fiber continue in
 * abandon(), on the top of its own stack, as if the kernel had called it: the fiber is left by an ordinary
 * switch. */
#include "fault.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <initializer_list>
#include <ucontext.h>
#include <unistd.h>

#include "memory.h"
#include "report.h"

namespace emu {

volatile bool overdue;

namespace {

struct sigaction before[NSIG];
timer_t timer;
uint64_t launches;
pid_t runner; /* the thread that runs kernels; `timer` is its own */
double limit = 60;

const void *program_counter(const ucontext_t *context) {
#if defined(__x86_64__)
    return reinterpret_cast<const void *>(context->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
    return reinterpret_cast<const void *>(context->uc_mcontext.pc);
#else
    return nullptr;
#endif
}

void continue_in_abandon(ucontext_t *context) {
    uintptr_t top =
        reinterpret_cast<uintptr_t>(running->stack->bottom + running->stack->size - 64) & ~uintptr_t(15);
#if defined(__x86_64__)
    context->uc_mcontext.gregs[REG_RSP] = static_cast<greg_t>(top - 8); /* as after a call */
    context->uc_mcontext.gregs[REG_RIP] = reinterpret_cast<greg_t>(abandon);
#elif defined(__aarch64__)
    context->uc_mcontext.sp = top;
    context->uc_mcontext.pc = reinterpret_cast<uint64_t>(abandon);
#else
    (void)top;
    fprintf(stderr, "%s\n", report_text());
    _exit(1);
#endif
}

void explain_overdue(char *text, size_t size) {
    snprintf(text, size,
             "a kernel that has run for %g s; waiting in a loop for another block never ends here", limit);
}

cudaError_t explain(int signal, const siginfo_t *info, char *text, size_t size) {
    uintptr_t address = reinterpret_cast<uintptr_t>(info->si_addr);
    char where[160];
    switch (signal) {
    case SIGFPE:
        snprintf(text, size, "a whole number divided by zero");
        return cudaErrorLaunchFailure;
    case SIGILL:
        snprintf(text, size, "a trap");
        return cudaErrorIllegalInstruction;
    case SIGVTALRM:
        explain_overdue(text, size);
        return cudaErrorLaunchTimeout;
    default:
        break;
    }
    if (in_fiber_guard(address)) {
        snprintf(text, size, "a thread's stack overflows");
        return cudaErrorLaunchFailure;
    }
    if (info->si_code == SI_KERNEL) { /* no address: the processor refused a vector access, or any wild one */
        snprintf(text, size, "a misaligned or wild address");
        return cudaErrorMisalignedAddress;
    }
    if (in_device(address))
        device_describe(where, sizeof where, address);
    else
        snprintf(where, sizeof where, "at %#zx, which is not device memory", static_cast<size_t>(address));
    snprintf(text, size, "an access %s", where);
    return cudaErrorIllegalAddress;
}

/* The host's code has touched device memory; it will not survive, but shall know why. */
void explain_host_fault(const siginfo_t *info, const ucontext_t *context) {
    char where[160], place[4096];
    device_describe(where, sizeof where, reinterpret_cast<uintptr_t>(info->si_addr));
    describe_site(place, sizeof place, {{}, program_counter(context)});
    fprintf(stderr, "emu: host code touches device memory, %s, at %s; copy it with cudaMemcpy\n", where,
            place);
    fflush(stderr);
}

timespec to_timespec(double seconds) {
    auto whole = static_cast<time_t>(seconds);
    return {whole, static_cast<long>((seconds - static_cast<double>(whole)) * 1e9)};
}

/* A signal every so many seconds of processor time: setting a timer at every launch would cost more than a small
 * launch itself. */
void set_timer(double seconds) {
    itimerspec time = {to_timespec(seconds), to_timespec(seconds)};
    timer_settime(timer, 0, &time, nullptr);
}

/* At a signal of the timer: whether the kernel has to be interrupted where it is. A launch that was running at the
 * last signal already is overdue; if it does not notice soon, it calls nothing of the runtime, and can be
 * interrupted safely. */
bool must_interrupt() {
    static uint64_t seen;
    bool same = seen == launches;
    seen = launches;
    if (!same || overdue) return same;
    overdue = true;
    set_timer(0.02);
    return false;
}

void handle(int signal, siginfo_t *info, void *data) {
    auto *context = static_cast<ucontext_t *>(data);
    bool in_kernel = running && gettid() == runner;
    if (signal == SIGVTALRM && !(in_kernel && must_interrupt())) return;
    if (in_kernel) {
        char text[400];
        cudaError_t code = explain(signal, info, text, sizeof text);
        record_failure(code, {{}, program_counter(context)}, text);
        fiber_clear(running->stack);
        continue_in_abandon(context);
        return;
    }
    bool on_device = in_device(reinterpret_cast<uintptr_t>(info->si_addr));
    if ((signal == SIGSEGV || signal == SIGBUS) && on_device) explain_host_fault(info, context);
    sigaction(signal, &before[signal], nullptr); /* what faulted runs again, and faults as it would have */
}

} // namespace

void catch_faults() {
    static bool installed;
    if (installed) return;
    installed = true;
    static char memory[64 * 1024]; /* for the overflow of a fiber's stack */
    stack_t stack = {};
    stack.ss_sp = memory;
    stack.ss_size = sizeof memory;
    sigaltstack(&stack, nullptr);
    struct sigaction action = {};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART;
    for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGVTALRM})
        sigaction(signal, &action, &before[signal]);
}

void watch_launch() {
    launches++;
    if (overdue) set_timer(limit);
    overdue = false;
    if (runner == gettid()) return;
    catch_faults(); /* another thread than before, or a child process, which inherits no timer */
    runner = gettid();
    sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGVTALRM;
    event._sigev_un._tid = runner;
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) != 0) __builtin_trap();
    set_timer(limit);
}

void stop_overdue(site at) {
    char text[200];
    explain_overdue(text, sizeof text);
    fail_thread(cudaErrorLaunchTimeout, at, nullptr, "%s", text);
}

void set_time_limit(double seconds) {
    limit = seconds;
    if (runner == gettid()) set_timer(limit);
}

} // namespace emu

#ifdef __SANITIZE_ADDRESS__
/* Called by the sanitizers as they report, to add what they cannot know. */
static void tell_where() {
    if (!emu::running) return;
    char name[320];
    emu::name_thread(name, sizeof name, *emu::current.kernel, emu::current.number,
                     emu::number_of(emu::running));
    fprintf(stderr, "emu: in %s\n", name);
}
extern "C" __attribute__((visibility("default"))) void __asan_on_error() {
    tell_where();
}
extern "C" __attribute__((visibility("default"))) void __ubsan_on_report() {
    tell_where();
}
#endif
