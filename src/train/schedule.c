#include "train/schedule.h"

#include <math.h>

/* From `from` to `to` along half a cosine, as part goes from 0 to 1. */
static double anneal(double from, double to, double part) {
    return to + (from - to) / 2 * (1 + cos(M_PI * part));
}

/* torch.optim.lr_scheduler.OneCycleLR with anneal_strategy="cos" and two phases. */
static double one_cycle(const struct cupel_schedule_settings *settings, int64_t total, int64_t step) {
    double first = settings->max_lr / settings->div_factor, last = first / settings->final_div_factor;
    double peak = settings->rise * (double)total - 1, end = (double)total - 1, at = (double)step;
    if (at < peak) return anneal(first, settings->max_lr, at / peak);
    return anneal(settings->max_lr, last, at < end ? (at - peak) / (end - peak) : 1);
}

static double cosine(const struct schedule *schedule, int64_t step) {
    double steps = (double)(schedule->total - schedule->warmup), at = (double)(step - schedule->warmup);
    if (at <= 0) return schedule->rate;
    return anneal(schedule->rate, schedule->settings->min_lr, at < steps ? at / steps : 1);
}

static double stepped(const struct schedule *schedule, int64_t step) {
    int64_t drops = step / schedule->epoch_steps / schedule->settings->every;
    return schedule->rate * pow(schedule->settings->gamma, (double)drops);
}

double schedule_rate(const struct schedule *schedule, double scale, int64_t step) {
    const struct cupel_schedule_settings *settings = schedule->settings;
    double rate = schedule->rate;
    switch (settings->kind) {
    case CUPEL_SCHEDULE_CONSTANT:
        break;
    case CUPEL_SCHEDULE_STEP:
        rate = stepped(schedule, step);
        break;
    case CUPEL_SCHEDULE_COSINE:
        rate = cosine(schedule, step);
        break;
    case CUPEL_SCHEDULE_ONE_CYCLE:
        rate = one_cycle(settings, schedule->total, step);
        break;
    case CUPEL_SCHEDULE_PLATEAU:
        rate *= scale;
        break;
    }
    return step < schedule->warmup ? rate * (double)(step + 1) / (double)schedule->warmup : rate;
}

struct verdict verdict_start(void) {
    return (struct verdict){.scale = 1, .plateau_loss = INFINITY, .loss = INFINITY, .accuracy = -1};
}

static void plateau_add(struct verdict *verdict, const struct schedule *schedule, double loss) {
    const double threshold = 1e-4, least_change = 1e-8; /* PyTorch's `threshold` and `eps` */
    if (loss < verdict->plateau_loss * (1 - threshold)) {
        verdict->plateau_loss = loss;
        verdict->plateau_worse = 0;
        return;
    }
    if (++verdict->plateau_worse <= (double)schedule->settings->patience) return;
    verdict->plateau_worse = 0;
    double scale = verdict->scale * schedule->settings->factor;
    if (schedule->rate * (verdict->scale - scale) > least_change) verdict->scale = scale;
}

bool verdict_add(struct verdict *verdict, const struct schedule *schedule, double loss, double accuracy) {
    if (schedule->settings->kind == CUPEL_SCHEDULE_PLATEAU) plateau_add(verdict, schedule, loss);
    verdict->worse = loss < verdict->loss ? 0 : verdict->worse + 1;
    if (loss < verdict->loss) verdict->loss = loss;
    bool best = accuracy > verdict->accuracy;
    if (best) verdict->accuracy = accuracy;
    return best;
}
