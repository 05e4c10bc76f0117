"""The PyTorch side of compare_torch.py: the same networks, and training steps of them as PyTorch users write them.

`train` runs in a process of its own and prints one JSON line with its speed.
"""
import gzip
import json
import time
import types
from pathlib import Path

import torch
import zoo_torch  # tests/
from torch import nn


zoo_torch.F = types.SimpleNamespace(**dict(vars(nn.functional), relu=torch.relu_))  # in place, as torchvision has it


# ---- networks ----

def lenet5():
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
                         nn.Linear(84, 10))


def grow(channels, image):
    """A generator's layers from noise: each of `channels` doubles the side of the one before, the last makes the image."""
    layers = []
    for before, after in zip(channels, channels[1:]):
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(True)]
    return [*layers, nn.ConvTranspose2d(channels[-1], image, 4, 2, 1, bias=False), nn.Tanh()]


def shrink(channels, image):
    layers = [nn.Conv2d(image, channels[0], 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for before, after in zip(channels, channels[1:]):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2, True)]
    return layers


def dcgan(side, channels, image):
    """Generator and discriminator whose inner layers are `side` and up, with these channels from the smallest layer on."""
    generator = [nn.ConvTranspose2d(100, channels[0], side, bias=False), nn.BatchNorm2d(channels[0]), nn.ReLU(True),
                 *grow(channels, image)]
    discriminator = [*shrink(channels[::-1], image), nn.Conv2d(channels[0], 1, side, bias=False), nn.Flatten(0)]
    return nn.Sequential(*generator), nn.Sequential(*discriminator)


def zoo(name, classes=10):
    net = zoo_torch.NETWORKS[name](classes=classes)
    for module in net.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = True
    return net


def is_fast(device, mode):
    """Whether a step computes in bf16 by autocast, with a fused optimizer."""
    return mode == "bf16" or (device == "cuda" and mode != "eager")


# ---- steps: called with images u8 and labels of a batch, they train on them and return a loss ----

class Classify:
    """Cross entropy, and Adam or SGD with momentum. With `fast`: bf16 by autocast, fused."""

    def __init__(self, net, device, mode, optimizer="adam", criterion=nn.functional.cross_entropy):
        self.criterion = criterion
        self.device, self.mode, self.fast = device, mode, is_fast(device, mode)
        self.last = mode != "eager"
        self.net = net.to(device, memory_format=torch.channels_last if self.last else torch.contiguous_format)
        if optimizer == "adam":
            self.optimizer = torch.optim.Adam(self.net.parameters(), lr=1e-3, fused=self.fast, capturable=mode == "captured")
        else:
            self.optimizer = torch.optim.SGD(self.net.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4,
                                             fused=self.fast)
        self.forward = self.loss
        if mode in ("compiled", "captured"):
            graphs = mode == "compiled" and device == "cuda"
            self.forward = torch.compile(self.loss, mode="reduce-overhead" if graphs else "default")

    def loss(self, images, labels):
        x = (images.float() / 255 - 0.2860) / 0.3530
        if self.last:
            x = x.to(memory_format=torch.channels_last)
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.fast):
            return self.criterion(self.net(x), labels)

    def __call__(self, images, labels):
        if self.mode == "compiled" and self.device == "cuda":
            torch.compiler.cudagraph_mark_step_begin()
        loss = self.forward(images, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


class Gan:
    """The step of PyTorch's DCGAN example: D on real, D on fake, D's update, G through the updated D."""

    def __init__(self, nets, device, mode):
        self.device, self.mode, self.fast = device, mode, is_fast(device, mode)
        self.last = mode != "eager"
        form = torch.channels_last if self.last else torch.contiguous_format
        self.nets = [net.to(device, memory_format=form) for net in nets]
        self.optimizers = [torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=self.fast,
                                            capturable=mode == "captured") for net in self.nets]
        self.run = [torch.compile(net) if mode in ("compiled", "captured") else net for net in self.nets]

    def loss(self, verdict, target):
        return nn.functional.binary_cross_entropy_with_logits(verdict.float(), torch.full_like(verdict, target).float())

    def __call__(self, images, labels):
        generator, discriminator = self.run
        x = (images.float() / 255 - 0.5) / 0.5
        if self.last:
            x = x.to(memory_format=torch.channels_last)
        noise = torch.randn(len(x), 100, 1, 1, device=self.device)
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.fast):
            self.optimizers[1].zero_grad(set_to_none=True)
            self.loss(discriminator(x), 1).backward()
            fake = generator(noise)
            self.loss(discriminator(fake.detach()), 0).backward()
            self.optimizers[1].step()
            self.optimizers[0].zero_grad(set_to_none=True)
            loss = self.loss(discriminator(fake), 1)
        loss.backward()
        self.optimizers[0].step()
        return loss.detach()


MODELS = {
    "resnet18": lambda device, mode: Classify(zoo("resnet18-cifar"), device, mode, "sgd"),
    "vgg16": lambda device, mode: Classify(zoo("vgg16"), device, mode, "sgd"),
    "unet": lambda device, mode: Classify(zoo("unet", 2), device, mode, criterion=zoo_torch.cross_entropy_dice),
    "lenet5": lambda device, mode: Classify(lenet5(), device, mode),
    "dcgan28": lambda device, mode: Gan(dcgan(7, (128, 64), 1), device, mode),
    "dcgan64": lambda device, mode: Gan(dcgan(4, (512, 256, 128, 64), 3), device, mode),
}


class Captured:
    """A step as one CUDA graph."""

    def __init__(self, step, images, labels, batch):
        self.step, self.images, self.labels, self.graph = step, images, labels, None
        self.rows = torch.zeros(batch, dtype=torch.int64, device=images.device)

    def work(self):
        return self.step(self.images[self.rows], self.labels[self.rows])

    def capture(self):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(5):
                self.work()
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.loss = self.work()

    def __call__(self, rows):
        self.rows.copy_(rows)
        if not self.graph:
            self.capture()
        self.graph.replay()
        return self.loss


# ---- data and the run ----

def read_idx(path):
    raw = bytearray(gzip.open(path).read())
    dims = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big") for i in range(raw[3])]
    return torch.frombuffer(raw, dtype=torch.uint8, offset=4 + 4 * raw[3]).reshape(dims)


def read_data(path):
    """Images u8 [N, C, H, W] and labels of a directory in IDX or NPY format."""
    path = Path(path)
    if (path / "images.npy").exists():
        import numpy
        images, labels = (torch.from_numpy(numpy.load(path / f"{name}.npy")) for name in ("images", "labels"))
        return images, labels.long()
    return (read_idx(path / "train-images-idx3-ubyte.gz").unsqueeze(1),
            read_idx(path / "train-labels-idx1-ubyte.gz").long())


def train(model, data, device, mode, steps, warm_up, batch, threads):
    torch.manual_seed(0)
    if device == "cpu":
        torch.set_num_threads(threads)
    images, labels = (tensor.to(device) for tensor in read_data(data))
    step = MODELS[model](device, mode)
    step_on = Captured(step, images, labels, batch) if mode == "captured" else lambda rows: step(images[rows], labels[rows])
    order = torch.randperm(len(images), device=device)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    for number in range(warm_up + steps):
        if number == warm_up:
            wait()
            start = time.perf_counter()
        at = number * batch % (len(order) - batch + 1)
        loss = step_on(order[at:at + batch])
    wait()
    seconds = time.perf_counter() - start
    print(json.dumps({"img_per_s": steps * batch / seconds, "loss": loss.item(), "version": torch.__version__}))
