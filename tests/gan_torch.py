"""GANs as PyTorch programs train them: networks, settings, steps, with the random numbers that Cupel draws."""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from parity_torch import Network, flow

# ---- random numbers: kernels/philox.h ----

def philox_words(seed, stream, step, count):
    """The words of elements 0 to count - 1 of a stream: Philox4x32-10."""
    blocks = np.arange((count + 3) // 4, dtype=np.uint64)
    mask, low = np.uint64(0xFFFFFFFF), np.uint64(32)
    c = [blocks & mask, blocks >> low, np.full_like(blocks, step), np.full_like(blocks, stream)]
    key = [np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32)]
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(b >> low) ^ c[1] ^ key[0], b & mask, (a >> low) ^ c[3] ^ key[1], a & mask]
        key = [(key[0] + np.uint64(0x9E3779B9)) & mask, (key[1] + np.uint64(0xBB67AE85)) & mask]
    return np.stack(c, 1).reshape(-1)[:count]


class Draws:
    """Uniform numbers: the draws of a step take the streams in the order in which the graph is built."""

    def __init__(self, seed, step):
        self.seed, self.step, self.stream = seed, step, 0

    def skip(self):
        self.stream += 1

    def uniform(self, like, shape):
        words = philox_words(self.seed, self.stream, self.step, int(np.prod(shape)))
        self.stream += 1
        return torch.from_numpy((words >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-24)).reshape(shape).to(like)


# ---- networks ----

def adam(rate, beta1, beta2):
    return "adam", {"lr": rate, "beta1": beta1, "beta2": beta2}, lambda p: torch.optim.Adam(p, rate, (beta1, beta2))


# Narrow variants of model files: what to --set, and the layers, written as NAME=WORD ARGUMENTS.
MODELS = {
    "dcgan28": {
        "shape": [1, 28, 28], "noise": 100,
        "set": {"ngf": 3, "ndf": 3},
        "generator": "up1=deconv 6 7; bn1=batchnorm; relu; up2=deconv 3 4 2 1; bn2=batchnorm; relu; up3=deconv 1 4 2 1; tanh",
        "discriminator": "down1=conv 3 4 2 1; leaky_relu 0.2; down2=conv 6 4 2 1; bn2=batchnorm; leaky_relu 0.2; down3=conv 1 7",
    },
    "dcgan64": {
        "shape": [3, 64, 64], "noise": 100,
        "set": {"ngf": 2, "ndf": 2},
        "generator": "first=deconv 16 4; bn=batchnorm; relu; "
                     "up.0.deconv=deconv 8 4 2 1; up.0.bn=batchnorm; up.0.relu1=relu; "
                     "up.1.deconv=deconv 4 4 2 1; up.1.bn=batchnorm; up.1.relu1=relu; "
                     "up.2.deconv=deconv 2 4 2 1; up.2.bn=batchnorm; up.2.relu1=relu; last=deconv 3 4 2 1; tanh",
        "discriminator": "first=conv 2 4 2 1; leaky_relu 0.2; "
                         "down.0.conv=conv 4 4 2 1; down.0.bn=batchnorm; down.0.leaky_relu1=leaky_relu 0.2; "
                         "down.1.conv=conv 8 4 2 1; down.1.bn=batchnorm; down.1.leaky_relu1=leaky_relu 0.2; "
                         "down.2.conv=conv 16 4 2 1; down.2.bn=batchnorm; down.2.leaky_relu1=leaky_relu 0.2; last=conv 1 4",
    },
    "cgan28": {
        "shape": [1, 28, 28], "noise": 100, "classes": 10,
        "set": {"ngf": 3, "ndf": 3, "hints": 5},
        "generator": "class=embedding 5; hint=reshape 5 1 1; concat input hint; up1=deconv 6 7; bn1=batchnorm; relu; "
                     "up2=deconv 3 4 2 1; bn2=batchnorm; relu; up3=deconv 1 4 2 1; tanh",
        "discriminator": "class=embedding 784; hint=reshape 1 28 28; concat input hint; down1=conv 3 4 2 1; leaky_relu 0.2; "
                         "down2=conv 6 4 2 1; bn2=batchnorm; leaky_relu 0.2; down3=conv 1 7",
    },
    "wgan-gp28": {
        "shape": [1, 28, 28], "noise": 100, "loss": "wasserstein", "gradient_penalty": 10, "discriminator_steps": 5,
        "optimizers": {"generator": adam(0.0001, 0.0, 0.9), "discriminator": adam(0.0001, 0.0, 0.9)},
        "set": {"ngf": 3, "ndf": 3},
        "generator": "up1=deconv 6 7; bn1=batchnorm; relu; up2=deconv 3 4 2 1; bn2=batchnorm; relu; up3=deconv 1 4 2 1; tanh",
        "discriminator": "down1=conv 3 4 2 1 bias; leaky_relu 0.2; down2=conv 6 4 2 1 bias; ln2=layernorm; leaky_relu 0.2; "
                         "down3=conv 1 7 bias",
    },
    "infogan28": {
        "shape": [1, 28, 28], "noise": 62, "infogan": {"categories": 10, "continuous": 2}, "source": "seen",
        "optimizers": {"generator": adam(0.001, 0.5, 0.999), "discriminator": adam(0.0002, 0.5, 0.999),
                       "code": adam(0.0002, 0.5, 0.999)},
        "set": {"ngf": 3, "ndf": 3, "wide": 20},
        "generator": "flatten; fc1=linear 20; bn1=batchnorm; relu; fc2=linear 294; bn2=batchnorm; relu; reshape 6 7 7; "
                     "up1=deconv 3 4 2 1; bn3=batchnorm; relu; up2=deconv 1 4 2 1; tanh",
        "discriminator": "down1=conv 3 4 2 1; leaky_relu 0.1; down2=conv 6 4 2 1; bn2=batchnorm; leaky_relu 0.1; flatten; "
                         "fc1=linear 20; bn3=batchnorm; seen=leaky_relu 0.1; fc2=linear 1 bias",
        "code": "fc1=linear 128; bn1=batchnorm; leaky_relu 0.1; fc2=linear 12 bias",
    },
}

ROLES = ("generator", "discriminator", "code")


def model_gan(name, seed, **settings):
    """The narrow variant of a model file, and the overrides that make it."""
    model = {**MODELS[name], **settings}
    overrides = [f"parameters.{key}={value}" for key, value in model.pop("set").items()] + [f"train.seed={seed}"]
    overrides += [f"train.{key}={value}" for key, value in settings.items() if key in SETTINGS]
    layers = {role: model.pop(role) for role in ROLES if role in model}
    return Gan(layers, seed=seed, **model), overrides


FUNCTIONS = {"relu": F.relu, "tanh": torch.tanh, "flatten": lambda x: x.flatten(1)}


def convolution(net, word, *given):
    bias, spectral, numbers = "bias" in given, "spectral" in given, [int(number) for number in given if number.isdigit()]
    out, kernel, stride, pad = (numbers + [1, 0] * (len(numbers) < 4))[:4]
    make = nn.ConvTranspose2d if word == "deconv" else nn.Conv2d
    module = make(net.value().shape[1], out, kernel, stride, pad, bias=bias)
    arguments = {"out": out, "kernel": kernel, "stride": stride, "pad": pad, "bias": bias, "spectral_norm": spectral}
    return arguments, {"module": nn.utils.spectral_norm(module) if spectral else module}


def linear(net, word, out, *bias):
    arguments = {"out": int(out), "bias": bool(bias)}
    return arguments, {"module": nn.Linear(net.value().shape[1], int(out), bias=bool(bias))}


def batchnorm(net, word):
    x = net.value()
    return {}, {"module": (nn.BatchNorm2d if x.dim() == 4 else nn.BatchNorm1d)(x.shape[1])}


def layernorm(net, word):
    return {}, {"module": nn.LayerNorm(list(net.value().shape[1:]))}


def instancenorm(net, word):
    return {}, {"module": nn.InstanceNorm2d(net.value().shape[1])}


def upsample(net, word, mode):
    corners = {"align_corners": False} if mode == "bilinear" else {}
    return {"factor": 2, "mode": mode}, {"apply": lambda x: F.interpolate(x, scale_factor=2, mode=mode, **corners)}


def pixel_shuffle(net, word):
    return {"factor": 2}, {"apply": lambda x: F.pixel_shuffle(x, 2)}


def embedding(net, word, out):
    return {"out": int(out)}, {"module": nn.Embedding(net.classes, int(out)), "inputs": ["label"]}


def reshape(net, word, *shape):
    shape = [int(size) for size in shape]
    return {"shape": shape}, {"apply": lambda x: x.reshape(len(x), *shape)}


def concat(net, word, *inputs):
    return {}, {"apply": lambda *parts: torch.cat(parts, 1), "inputs": list(inputs)}


def leaky_relu(net, word, slope):
    return {"slope": float(slope)}, {"apply": lambda x: F.leaky_relu(x, float(slope))}


def plain(net, word):
    return {}, {"apply": FUNCTIONS[word]}


WORDS = {"conv": convolution, "deconv": convolution, "linear": linear, "batchnorm": batchnorm, "layernorm": layernorm,
         "instancenorm": instancenorm, "upsample": upsample, "pixel_shuffle": pixel_shuffle,
         "embedding": embedding, "reshape": reshape, "concat": concat, "leaky_relu": leaky_relu,
         **dict.fromkeys(FUNCTIONS, plain)}


def build(net, text):
    """Appends layers; those without a name are called as Cupel calls them."""
    for line in text.split(";"):
        name, _, rest = line.strip().rpartition("=")
        word, *given = rest.split()
        arguments, how = WORDS[word](net, word, *given)
        counted = 1 + sum(layer.word == word for layer in net.layers)
        net.add(word, arguments, name=name or f"{word}{counted}", **how)
    for layer in net.layers:
        weight = dict(layer.module.named_parameters()).get("weight") if layer.module else None
        if weight is not None and weight.dim() > 1:
            nn.init.normal_(weight, 0, 0.05)
        elif layer.word == "batchnorm":
            nn.init.normal_(layer.module.weight, 1, 0.02)
    return net


def enlarge(way, channels):
    """Layers that make images twice as large."""
    if way == "deconv":
        return [f"deconv {channels} 4 2 1"]
    if way == "pixel_shuffle":
        return [f"conv {4 * channels} 3 1 1", "pixel_shuffle"]
    return [f"upsample {way}", f"conv {channels} 3 1 1"]


def like_dcgan(side, base, channels, width, norm="batchnorm", classes=0, ways=("deconv",), spectral="", linear=False, r=None):
    """The layers of a generator and a discriminator. They have no bias where no gradient can come to it."""
    generator, discriminator, doublings = [], [], (side // base).bit_length() - 1
    if classes:
        generator += ["embedding 3", "reshape 3 1 1", "concat input reshape1"]
        discriminator += [f"embedding {side * side}", f"reshape 1 {side} {side}", "concat input reshape1"]
    generator.append(f"deconv {width << doublings} {base}")
    for i in range(doublings):
        out = width << doublings - i - 1 if i < doublings - 1 else channels
        generator += ["batchnorm", "relu", *enlarge(r.choice(ways) if r else ways[0], out)]
        discriminator.append(f"conv {width << i} 4 2 1 {'' if i else 'bias'} {spectral}")
        discriminator += [norm] if i and norm else []
        discriminator.append("leaky_relu 0.2")
    discriminator += ["flatten", "linear 1"] if linear else [f"conv 1 {base} {spectral}"]
    return {"generator": "; ".join([*generator, "tanh"]), "discriminator": "; ".join(discriminator)}


# ---- experiments ----

SETTINGS = {"loss": "nonsaturating", "label_smoothing": 0, "noisy_labels": 0, "gradient_penalty": 0, "clip_weights": 0,
            "clip_norm": 0, "ema": 0, "discriminator_steps": 1, "instance_noise": None, "infogan": None}
CONTINUOUS_WEIGHT = 0.1  # by default


class Gan:
    """Networks, settings and a batch. `layers` has those of each network, `shape` that of an image."""

    def __init__(self, layers, shape, seed=0, batch=8, noise=10, classes=0, source=None, optimizers=None, **settings):
        torch.manual_seed(seed)
        self.shape, self.seed, self.noise, self.classes, self.source = shape, seed, noise, classes, source
        self.settings = {**SETTINGS, **settings}
        self.infogan = self.settings["infogan"] or {"categories": 0, "continuous": 0}
        label = torch.randint(0, classes, (batch,)) if classes else None
        self.batch = {"image": torch.rand(batch, *shape) * 2 - 1, "noise": self.make_noise(batch)}
        if classes:
            self.batch["label"] = label
        self.networks = []
        for name, x in (("generator", self.batch["noise"]), ("discriminator", self.batch["image"]), ("code", None)):
            if name in layers:
                net = Network(self.networks[1].values[source] if name == "code" else x, name, label)
                net.classes = classes
                self.networks.append(build(net, layers[name]))
        self.has_code = len(self.networks) > 2
        self.optimizers = optimizers or {net.name: adam(0.0002, 0.5, 0.999) for net in self.networks}

    def make_noise(self, batch):
        parts, categories, continuous = [torch.randn(batch, self.noise)], self.infogan["categories"], self.infogan["continuous"]
        if categories:
            parts.append(F.one_hot(torch.randint(0, categories, (batch,)), categories).float())
        if continuous:
            parts.append(torch.rand(batch, continuous) * 2 - 1)
        return torch.cat(parts, 1)[:, :, None, None]

    def weights(self):
        return {name: value.detach().clone() for net in self.networks for name, value in (*net.parameters(), *net.buffers())}

    def model(self):
        """The model file."""
        inputs = {"generator": flow({"noise": list(self.batch["noise"].shape[1:])}), "discriminator": "image",
                  "code": flow({"layer": f"discriminator.{self.source}"})}
        lines = ["task: gan", "data:", "  format: idx", "  path: /nowhere", f"  shape: {flow(list(self.shape))}"]
        lines += [f"  classes: {self.classes}"] if self.classes else []
        lines.append("networks:")
        for net in self.networks:
            lines += [f"  {net.name}:", f"    input: {inputs[net.name]}", "    layers:", *(layer.line() for layer in net.layers)]
        settings = {"seed": self.seed, "batch": len(self.batch["image"]), "steps": 9,
                    "optimizer": {name: {kind: arguments} for name, (kind, arguments, _) in self.optimizers.items()},
                    **{key: value for key, value in self.settings.items() if value}}
        return "\n".join(lines + ["train:", *(f"  {key}: {flow(value)}" for key, value in settings.items())]) + "\n"


# ---- training as PyTorch programs do it ----

class Trainer:
    def __init__(self, gan, dtype):
        self.gan, self.settings = gan, gan.settings
        self.image, self.z = gan.batch["image"].to(dtype), gan.batch["noise"].to(dtype)
        self.label = gan.batch.get("label")
        self.parameters = [dict(net.parameters()) for net in gan.networks]
        self.optimizers = [gan.optimizers[net.name][2](list(own.values())) for net, own in zip(gan.networks, self.parameters)]
        self.result, self.losses = {}, {f"loss/{net.name}": [] for net in gan.networks}

    def keep(self, net, values):
        self.result.update({f"act/{net.name}.{name}": value.detach().clone() for name, value in values.items()})

    def keep_gradients(self, index):
        self.result.update({f"grad/{name}": p.grad.clone() for name, p in self.parameters[index].items()})

    def judge(self, images):
        outputs, values = self.gan.networks[1].run(images, self.label)
        return outputs.reshape(-1), values

    def targets(self, outputs, target, other):
        if not self.settings["noisy_labels"]:
            return torch.full_like(outputs, target)
        swapped = self.draws.uniform(outputs, outputs.shape) < np.float32(self.settings["noisy_labels"]).item()
        return torch.where(swapped, other, target).to(outputs)

    def judge_loss(self, outputs, real):
        one, loss = 1 - self.settings["label_smoothing"], self.settings["loss"]
        sign, target, other = (-1, one, 0.0) if real else (1, 0.0, one)
        if loss == "hinge":
            return F.relu(1 + sign * outputs).mean()
        if loss == "wasserstein":
            return sign * outputs.mean()
        function = F.mse_loss if loss == "least_squares" else F.binary_cross_entropy_with_logits
        return function(outputs, self.targets(outputs, target, other))

    def fool_loss(self, outputs):
        loss = self.settings["loss"]
        if loss in ("hinge", "wasserstein"):
            return -outputs.mean()
        if loss == "least_squares":
            return F.mse_loss(outputs, torch.ones_like(outputs))
        if loss == "minimax":
            return -F.binary_cross_entropy_with_logits(outputs, torch.zeros_like(outputs))
        return F.binary_cross_entropy_with_logits(outputs, torch.ones_like(outputs))

    def penalty(self, fake):
        u = self.draws.uniform(fake, (len(fake), 1, 1, 1))
        x = (fake + u * (self.image - fake)).requires_grad_(True)
        slope, = torch.autograd.grad(self.judge(x)[0].sum(), x, create_graph=True)
        return self.settings["gradient_penalty"] * ((slope.flatten(1).square().sum(1) + 1e-12).sqrt() - 1).square().mean()

    def code_loss(self, inside):
        gan, info, loss = self.gan, self.gan.infogan, 0
        guess, values = gan.networks[2].run(inside[gan.source])
        code, categories = self.z.flatten(1)[:, gan.noise:], info["categories"]
        if categories:
            likely = F.cross_entropy(guess[:, :categories], code[:, :categories].argmax(1))
            loss = info.get("weight", 1) * likely
        if info["continuous"]:
            off = guess[:, categories:] - code[:, categories:]
            loss = loss + info.get("continuous_weight", CONTINUOUS_WEIGHT) * 0.5 * off.square().sum(1).mean()
        return loss, values

    def step_optimizers(self, loss, indices, first):
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        for index in indices:
            if first:
                self.keep_gradients(index)
            if self.settings["clip_norm"]:
                nn.utils.clip_grad_norm_(list(self.parameters[index].values()), self.settings["clip_norm"])
            self.optimizers[index].step()

    def skip_noise(self, count):
        for _ in range(count if self.settings["instance_noise"] else 0):
            self.draws.skip()

    def update_discriminator(self, fake, first):
        gan, has_code = self.gan, self.gan.has_code
        self.skip_noise(2)
        real, values = self.judge(self.image)
        judged, inside = self.judge(fake.detach())
        loss = self.judge_loss(real, True) + self.judge_loss(judged, False)
        if self.settings["gradient_penalty"]:
            loss = loss + self.penalty(fake.detach())
        code, guesses = self.code_loss(inside) if has_code else (0, None)
        self.step_optimizers(loss + code, (1, 2) if has_code else (1,), first)
        limit = self.settings["clip_weights"]
        if limit:
            with torch.no_grad():
                for parameter in self.parameters[1].values():
                    parameter.clamp_(-limit, limit)
        if first:
            self.keep(gan.networks[1], values)
            if has_code:
                self.keep(gan.networks[2], guesses)
        return [loss, code]

    def step(self, number):
        gan, first_losses = self.gan, None
        self.draws = Draws(gan.seed, number)
        for update in range(self.settings["discriminator_steps"]):
            first = number == 0 and update == 0
            fake, values = gan.networks[0].run(self.z, self.label)
            losses = self.update_discriminator(fake, first)
            first_losses = first_losses or losses
            if first:
                self.keep(gan.networks[0], values)
        self.skip_noise(1)
        judged, inside = self.judge(fake)
        loss = self.fool_loss(judged)
        total = loss + self.code_loss(inside)[0] if gan.has_code else loss
        self.step_optimizers(total, (0,), number == 0)
        for net, value in zip(gan.networks, [loss, *first_losses]):
            self.losses[f"loss/{net.name}"].append(value.item())

    def train(self, steps):
        for number in range(steps):
            self.step(number)
        self.result.update({name: torch.tensor(values) for name, values in self.losses.items()})
        for net in self.gan.networks:
            self.result.update({f"param/{name}": p.detach().clone() for name, p in (*net.parameters(), *net.buffers())})
        return self.result
