"""Writes schedule.safetensors: learning rates of torch.optim.lr_scheduler, the settings as in test_train_schedule.c. Run it
in this folder."""

import torch
from safetensors.torch import save_file
from torch.optim import lr_scheduler as schedulers

STEPS, EPOCH_STEPS, WARMUP, RATE = 60, 6, 10, 0.05


def rates(make, steps=STEPS, every=1):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
    scheduler = make(optimizer)
    found = []
    for step in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if (step + 1) % every == 0:
            scheduler.step()
    return torch.tensor(found, dtype=torch.float64)


def plateau(losses):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
    scheduler = schedulers.ReduceLROnPlateau(optimizer, factor=0.3, patience=2)
    found = []
    for loss in losses.tolist():
        scheduler.step(loss)
        found.append(optimizer.param_groups[0]["lr"])
    return torch.tensor(found, dtype=torch.float64)


losses = torch.tensor([2.0, 1.5, 1.49995, 1.6, 1.5, 1.7, 1.4, 1.4, 1.4, 1.4, 1.4, 1.4, 1.4, 1.39, 1.0] + [1.0] * 60)
losses = losses.double()
save_file(
    {
        "step": rates(lambda o: schedulers.StepLR(o, step_size=3, gamma=0.5), every=EPOCH_STEPS),
        "cosine": rates(lambda o: schedulers.CosineAnnealingLR(o, T_max=STEPS, eta_min=0.002)),
        "one_cycle": rates(lambda o: schedulers.OneCycleLR(o, max_lr=0.4, total_steps=STEPS)),
        "one_cycle_early": rates(
            lambda o: schedulers.OneCycleLR(
                o, max_lr=0.4, total_steps=STEPS, pct_start=0.15, div_factor=10, final_div_factor=100
            )
        ),
        "warmup": rates(lambda o: schedulers.LambdaLR(o, lambda step: min(1, (step + 1) / WARMUP))),
        "losses": losses,
        "plateau": plateau(losses),
    },
    "schedule.safetensors",
)
