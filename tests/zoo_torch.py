"""The classic networks of models/ in PyTorch, with the structure and names of torchvision's (torchvision.models, v0.20; ZFNet,
which it has not, with those of the model file). Each takes the model file's parameters."""
import torch
from torch import nn
from torch.nn import functional as F


class Chain(nn.Module):
    """Runs its children in turn."""

    def forward(self, x):
        for child in self.children():
            x = child(x)
        return x


def conv_norm(into, out, kernel, stride=1, groups=1):
    return [nn.Conv2d(into, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]


# ---- AlexNet, VGG, ZFNet ----

class Plain(nn.Module):
    """Features, pooled to one size, and a classifier."""

    def __init__(self, features, size, classifier):
        super().__init__()
        self.features, self.avgpool, self.classifier = features, nn.AdaptiveAvgPool2d(size), classifier

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def alexnet(width=64, hidden=4096, classes=1000, **_):
    pool = lambda: nn.MaxPool2d(3, 2)
    features = nn.Sequential(
        nn.Conv2d(3, width, 11, 4, 2), nn.ReLU(), pool(), nn.Conv2d(width, 3 * width, 5, padding=2), nn.ReLU(), pool(),
        nn.Conv2d(3 * width, 6 * width, 3, padding=1), nn.ReLU(), nn.Conv2d(6 * width, 4 * width, 3, padding=1), nn.ReLU(),
        nn.Conv2d(4 * width, 4 * width, 3, padding=1), nn.ReLU(), pool())
    return Plain(features, 6, nn.Sequential(
        nn.Dropout(0), nn.Linear(36 * 4 * width, hidden), nn.ReLU(), nn.Dropout(0), nn.Linear(hidden, hidden), nn.ReLU(),
        nn.Linear(hidden, classes)))


def vgg16(width=64, hidden=4096, classes=1000, **_):
    layers, into = [], 3
    for count, factor in ((2, 1), (2, 2), (3, 4), (3, 8), (3, 8)):
        for _ in range(count):
            layers += [nn.Conv2d(into, factor * width, 3, padding=1), nn.ReLU()]
            into = factor * width
        layers.append(nn.MaxPool2d(2))
    return Plain(nn.Sequential(*layers), 7, nn.Sequential(
        nn.Linear(49 * into, hidden), nn.ReLU(), nn.Dropout(0), nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0),
        nn.Linear(hidden, classes)))


class ZFNet(nn.Module):
    def __init__(self, width, hidden, classes, side):
        super().__init__()
        wide = 8 * width // 3
        self.conv1, self.conv2 = nn.Conv2d(3, width, 7, 2, 1), nn.Conv2d(width, wide, 5, 2)
        self.conv3, self.conv4 = (nn.Conv2d(into, 4 * width, 3, padding=1) for into in (wide, 4 * width))
        self.conv5 = nn.Conv2d(4 * width, wide, 3, padding=1)
        for kernel, stride, pad in ((7, 2, 1), (3, 2, 1), (5, 2, 0), (3, 2, 1), (3, 2, 0)):
            side = (side + 2 * pad - kernel) // stride + 1
        features = wide * side * side
        self.fc6, self.fc7, self.fc8 = nn.Linear(features, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, classes)

    def features(self, x):
        for conv in (self.conv1, self.conv2):
            x = F.local_response_norm(F.max_pool2d(F.relu(conv(x)), 3, 2, 1), 5, 5e-4, 0.75, 2)
        x = F.relu(self.conv5(F.relu(self.conv4(F.relu(self.conv3(x))))))
        return F.max_pool2d(x, 3, 2).flatten(1)

    def forward(self, x):
        return self.fc8(F.relu(self.fc7(F.relu(self.fc6(self.features(x))))))


def zfnet(width=96, hidden=4096, classes=1000, image_size=224, **_):
    return ZFNet(width, hidden, classes, image_size)


# ---- ResNet ----

class Residual(nn.Module):
    def __init__(self, into, width, stride, bottleneck):
        super().__init__()
        out = 4 * width if bottleneck else width
        if bottleneck:
            self.conv1, self.bn1 = conv_norm(into, width, 1)
            self.conv2, self.bn2 = conv_norm(width, width, 3, stride)
            self.conv3, self.bn3 = conv_norm(width, out, 1)
        else:
            self.conv1, self.bn1 = conv_norm(into, width, 3, stride)
            self.conv2, self.bn2 = conv_norm(width, width, 3)
        if stride != 1 or into != out:
            self.downsample = nn.Sequential(*conv_norm(into, out, 1, stride))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if hasattr(self, "conv3"):
            y = self.bn3(self.conv3(F.relu(y)))
        return F.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet(nn.Module):
    def __init__(self, counts, bottleneck, small, width, classes):
        super().__init__()
        self.small, into = small, width
        self.conv1, self.bn1 = conv_norm(3, width, *((3, 1) if small else (7, 2)))
        for stage, count in enumerate(counts):
            blocks, wide = [], width << stage
            for index in range(count):
                blocks.append(Residual(into, wide, 2 if stage and not index else 1, bottleneck))
                into = 4 * wide if bottleneck else wide
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(into, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = x if self.small else F.max_pool2d(x, 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


def resnet(depth, small):
    counts = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}[depth]
    return lambda width=64, classes=10 if small else 1000, **_: ResNet(counts, depth == 50, small, width, classes)


# ---- SqueezeNet ----

class Fire(nn.Module):
    def __init__(self, into, squeeze):
        super().__init__()
        self.squeeze = nn.Conv2d(into, squeeze, 1)
        self.squeeze_activation = nn.ReLU()
        self.expand1x1 = nn.Conv2d(squeeze, 4 * squeeze, 1)
        self.expand3x3 = nn.Conv2d(squeeze, 4 * squeeze, 3, padding=1)

    def forward(self, x):
        x = self.squeeze_activation(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        pool = lambda: nn.MaxPool2d(3, 2, ceil_mode=True)
        w = width
        self.features = nn.Sequential(
            nn.Conv2d(3, 4 * w, 3, 2), nn.ReLU(), pool(), Fire(4 * w, w), Fire(8 * w, w), pool(), Fire(8 * w, 2 * w),
            Fire(16 * w, 2 * w), pool(), Fire(16 * w, 3 * w), Fire(24 * w, 3 * w), Fire(24 * w, 4 * w), Fire(32 * w, 4 * w))
        self.classifier = nn.Sequential(nn.Dropout(0), nn.Conv2d(32 * w, classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))

    def forward(self, x):
        return self.classifier(self.features(x)).flatten(1)


def squeezenet(width=16, classes=1000, **_):
    return SqueezeNet(width, classes)


# ---- DenseNet ----

class DenseLayer(nn.Module):
    def __init__(self, into, growth):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(into), nn.Conv2d(into, 4 * growth, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(4 * growth), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))
        return torch.cat([x, y], 1)


class DenseNet(nn.Module):
    def __init__(self, growth, classes):
        super().__init__()
        wide, self.features = 2 * growth, Chain()
        add = self.features.add_module
        add("conv0", nn.Conv2d(3, wide, 7, 2, 3, bias=False))
        add("norm0", nn.BatchNorm2d(wide))
        add("relu0", nn.ReLU())
        add("pool0", nn.MaxPool2d(3, 2, 1))
        for block, count in enumerate((6, 12, 24, 16), 1):
            layers = Chain()
            for index in range(count):
                layers.add_module(f"denselayer{index + 1}", DenseLayer(wide + index * growth, growth))
            add(f"denseblock{block}", layers)
            wide += count * growth
            if block < 4:
                transition = Chain()
                for name, part in (("norm", nn.BatchNorm2d(wide)), ("relu", nn.ReLU()),
                                   ("conv", nn.Conv2d(wide, wide // 2, 1, bias=False)), ("pool", nn.AvgPool2d(2))):
                    transition.add_module(name, part)
                add(f"transition{block}", transition)
                wide //= 2
        add("norm5", nn.BatchNorm2d(wide))
        self.classifier = nn.Linear(wide, classes)

    def forward(self, x):
        return self.classifier(F.relu(self.features(x)).mean((2, 3)))


def densenet121(growth=32, classes=1000, **_):
    return DenseNet(growth, classes)


# ---- MobileNetV2 ----

class Inverted(nn.Module):
    def __init__(self, into, out, stride, factor):
        super().__init__()
        middle, parts = factor * into, []
        if factor > 1:
            parts.append(nn.Sequential(*conv_norm(into, middle, 1), nn.ReLU6()))
        parts.append(nn.Sequential(*conv_norm(middle, middle, 3, stride, middle), nn.ReLU6()))
        self.conv = nn.Sequential(*parts, *conv_norm(middle, out, 1))
        self.same = stride == 1 and into == out

    def forward(self, x):
        return x + self.conv(x) if self.same else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        layers, into = [nn.Sequential(*conv_norm(3, width, 3, 2), nn.ReLU6())], width
        for factor, out, count, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                           (6, 160, 3, 2), (6, 320, 1, 1)):
            for index in range(count):
                layers.append(Inverted(into, out * width // 32, 1 if index else stride, factor))
                into = out * width // 32
        layers.append(nn.Sequential(*conv_norm(into, 40 * width, 1), nn.ReLU6()))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0), nn.Linear(40 * width, classes))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


def mobilenetv2(width=32, classes=1000, **_):
    return MobileNetV2(width, classes)


# ---- GoogLeNet ----

class Basic(nn.Module):
    def __init__(self, into, out, kernel, stride=1):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(into, out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    def __init__(self, into, one, few3, three, few5, five, pooled):
        super().__init__()
        self.branch1 = Basic(into, one, 1)
        self.branch2 = nn.Sequential(Basic(into, few3, 1), Basic(few3, three, 3))
        self.branch3 = nn.Sequential(Basic(into, few5, 1), Basic(few5, five, 3))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), Basic(into, pooled, 1))

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class Head(nn.Module):
    def __init__(self, into, width, classes):
        super().__init__()
        self.conv = Basic(into, 2 * width, 1)
        self.fc1, self.fc2 = nn.Linear(32 * width, 16 * width), nn.Linear(16 * width, classes)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(self.conv(F.adaptive_avg_pool2d(x, 4)).flatten(1))))


class GoogLeNet(nn.Module):
    """In training a list: the result, and those of the two heads."""

    def __init__(self, width, classes, heads):
        super().__init__()
        scaled = lambda *counts: [count * width // 64 for count in counts]
        self.conv1, self.conv2 = Basic(3, width, 7, 2), Basic(width, width, 1)
        self.conv3 = Basic(width, 3 * width, 3)
        into = 3 * width
        for name, counts in (("3a", (64, 96, 128, 16, 32, 32)), ("3b", (128, 128, 192, 32, 96, 64)),
                             ("4a", (192, 96, 208, 16, 48, 64)), ("4b", (160, 112, 224, 24, 64, 64)),
                             ("4c", (128, 128, 256, 24, 64, 64)), ("4d", (112, 144, 288, 32, 64, 64)),
                             ("4e", (256, 160, 320, 32, 128, 128)), ("5a", (256, 160, 320, 32, 128, 128)),
                             ("5b", (384, 192, 384, 48, 128, 128))):
            setattr(self, f"inception{name}", Inception(into, *scaled(*counts)))
            into = sum(scaled(counts[0], counts[2], counts[4], counts[5]))
        if heads:
            self.aux1, self.aux2 = Head(8 * width, width, classes), Head(528 * width // 64, width, classes)
        self.fc = nn.Linear(into, classes)

    def forward(self, x):
        pool = lambda x, kernel=3: F.max_pool2d(x, kernel, 2, ceil_mode=True)
        x = pool(self.conv3(self.conv2(pool(self.conv1(x)))))
        x = pool(self.inception3b(self.inception3a(x)))
        first = self.inception4a(x)
        second = self.inception4d(self.inception4c(self.inception4b(first)))
        x = self.inception5b(self.inception5a(pool(self.inception4e(second), 2)))
        result = self.fc(x.mean((2, 3)))
        if not (self.training and hasattr(self, "aux1")):
            return result
        return [result, self.aux1(first), self.aux2(second)]


def googlenet(width=64, classes=1000, heads=1, **_):
    return GoogLeNet(width, classes, heads)


# ---- segmentation ----

class UNet(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        widths = [width << level for level in range(5)]
        for level, (into, out) in enumerate(zip([1] + widths, widths)):
            self.add_module(f"down{level + 1}" if level < 4 else "bottom", double(into, out))
        for level in (4, 3, 2, 1):
            out = widths[level - 1]
            up = double(2 * out, out)
            up.grow = nn.ConvTranspose2d(2 * out, out, 2, 2)
            self.add_module(f"up{level}", up)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        seen = []
        for down in (self.down1, self.down2, self.down3, self.down4):
            seen.append(twice(down, x))
            x = F.max_pool2d(seen[-1], 2)
        x = twice(self.bottom, x)
        for up in (self.up4, self.up3, self.up2, self.up1):
            x = twice(up, torch.cat([seen.pop(), up.grow(x)], 1))
        return self.head(x)


def double(into, out):
    return nn.ModuleDict({"conv1": nn.Conv2d(into, out, 3, padding=1), "conv2": nn.Conv2d(out, out, 3, padding=1)})


def twice(module, x):
    return F.relu(module.conv2(F.relu(module.conv1(x))))


def unet(width=64, classes=2, **_):
    return UNet(width, classes)


class SegNet(nn.Module):
    ENCODER = ((1, 1), (2, 2), (4, 4, 4), (8, 8, 8), (8, 8, 8))
    DECODER = ((8, 8, 8), (8, 8, 4), (4, 4, 2), (2, 1), (1,))

    def __init__(self, width, classes):
        super().__init__()
        into = 3
        for level, (word, stages) in ((level, stage) for stage in (("encode", self.ENCODER), ("decode", self.DECODER))
                                      for level in range(5)):
            place = level + 1 if word == "encode" else 5 - level
            for i, factor in enumerate(stages[level]):
                unit = nn.ModuleDict({"conv": nn.Conv2d(into, factor * width, 3, padding=1),
                                      "norm": nn.BatchNorm2d(factor * width)})
                self.add_module(f"{word}{place}_{i + 1}", unit)
                into = factor * width
        self.head = nn.Conv2d(into, classes, 3, padding=1)

    def run(self, word, place, count, x):
        for i in range(count):
            unit = getattr(self, f"{word}{place}_{i + 1}")
            x = F.relu(unit.norm(unit.conv(x)))
        return x

    def forward(self, x):
        kept = []
        for level in range(5):
            x, places = F.max_pool2d(self.run("encode", level + 1, len(self.ENCODER[level]), x), 2, return_indices=True)
            kept.append(places)
        for level in range(5):
            x = self.run("decode", 5 - level, len(self.DECODER[level]), F.max_unpool2d(x, kept.pop(), 2))
        return self.head(x)


def segnet(width=64, classes=11, **_):
    return SegNet(width, classes)


def cross_entropy_dice(logits, label):
    """The mean cross entropy of the pixels that have a class, and 1 - the soft Dice coefficient, mean over classes."""
    counted = (label != 255).unsqueeze(1)
    target = F.one_hot(label * (label != 255), logits.shape[1]).movedim(-1, 1) * counted
    p = F.softmax(logits, 1)
    both, squares = ((x * counted).sum((0, 2, 3)) for x in (p * target, p * p + target))
    return F.cross_entropy(logits, label, ignore_index=255) + 1 - ((2 * both + 1) / (squares + 1)).mean()


def pixel_cross_entropy(logits, label):
    return F.cross_entropy(logits, label, ignore_index=255)


# Channels of the images and losses of their pixels; other networks have one of RGB images.
PIXEL_LOSSES = {"unet": (1, cross_entropy_dice), "segnet": (3, pixel_cross_entropy)}

NETWORKS = {"alexnet": alexnet, "vgg16": vgg16, "zfnet": zfnet, "squeezenet": squeezenet, "densenet121": densenet121,
            "mobilenetv2": mobilenetv2, "googlenet": googlenet, "unet": unet, "segnet": segnet,
            **{f"resnet{depth}{'-cifar' if small else ''}": resnet(depth, small)
               for depth in (18, 34, 50) for small in (False, True)}}
