"""Images and series of channels: other normalisation constants, divided twice, channels in another order."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy

from nbdebug.data.between.found import Preparation
from nbdebug.data.between.images import features
from nbdebug.data.between.ks import chance, distances
from nbdebug.data.between.preparation import CLEAR, FEWEST, RARELY, SLACK
from nbdebug.data.between.views import View

AUGMENTED = 0.25  # KS distance that random crops, flips and colours may leave; our choice
EQUAL = 1e-3  # of the standard deviation in an image: two channels of which mean and contrast differ by less are the same
COLOURLESS = 0.1  # images of a colour set that may be grey, as RandomGrayscale makes them; our choice
PARTS = 20  # random divisions of train that an order is held against
UNITS, AWAY = 5.0, 10.0  # times the deviation, and deviations from 0, from which a series that drifts is in other units all the same; our choice
TOLD_APART = 1.5  # a rule must leave so much less than the next best than chance would
# (mean, std) of the channels by which a picture of 0..1 was normalised; from the torchvision and timm documentation
CONSTANTS = {
    "0..255": ((0.0,), (1 / 255,)),
    "0..1": ((0.0,), (1.0,)),
    "0..1 divided by 255 once more": ((0.0,), (255.0,)),
    "normalised by mean 0.5 and std 0.5": ((0.5,), (0.5,)),
    "normalised by the constants of ImageNet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "normalised by the constants of CIFAR-10": ((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)),
    "normalised by the constants of MNIST": ((0.1307,), (0.3081,)),
}


def prepared_images(view: View, augmented: bool) -> list[Preparation]:
    """The rule that explains how brightness and contrast of all channels differ; empty where there is none.

    Args:
        augmented: train changes each time it is read, so that a rule fits less well.
    """
    if view.means is None or view.stds is None or len(view.val) < FEWEST or len(view.train) < FEWEST:
        return []
    if (grey := _grey(view)) is not None:
        return [grey]
    before = float(distances(view.train, view.val).max())
    bound = chance(len(view.train), len(view.val), RARELY / view.train.shape[1]) + (AUGMENTED if augmented else SLACK)
    if before < max(CLEAR, 1.5 * bound):
        return _swapped(view, before, bound) if view.kind == "image" and not augmented else []
    tried = [*_constants(view), *_standardised(view), *_orders(view), *_exchanged(view)]
    if not tried:
        return []
    swapped = _swapped(view, before, bound) if view.kind == "image" and not augmented else []
    after, said = min(((float(distances(train, val).max()), said) for said, train, val in tried), key=lambda pair: pair[0])
    return [Preparation(view.field, (), said, before, after, bound, True)] if after <= bound else swapped


def _grey(view: View) -> Preparation | None:
    """One of the two has three equal channels in all of its images, the other in hardly any."""
    if view.kind != "image" or view.means[0].shape[1] != 3:
        return None
    train, val = (numpy.hstack([numpy.ptp(m, axis=1, keepdims=True), numpy.ptp(s, axis=1, keepdims=True)]) for m, s in zip(view.means, view.stds, strict=True))
    least = EQUAL * max(float(s.mean()) for s in view.stds)
    shares = [float((apart <= least).all(1).mean()) for apart in (train, val)]
    if max(shares) < 1 or min(shares) > COLOURLESS:
        return None
    grey, other = ("train", "val") if shares[0] == 1 else ("val", "train")
    return Preparation(view.field, (), f"{grey} is grey, its three channels are the same, and {other} is in colour", None, None, None, True)


def _constants(view: View):
    channels = view.means[0].shape[1]
    if view.kind != "image":
        return
    for source, (m, s) in CONSTANTS.items():
        for target, (v, t) in CONSTANTS.items():
            if source != target and all(len(c) in (1, channels) for c in (m, s, v, t)):
                m_, s_, v_, t_ = (numpy.broadcast_to(c, (channels,)) for c in (m, s, v, t))
                scale, add = s_ / t_, (m_ - v_) / t_
                train = features(view.means[0] * scale + add, view.stds[0] * scale)
                if _plausible(view, source, m_, s_):
                    yield f"train is {source}, val {target}", train, view.val


def _plausible(view: View, source: str, mean: numpy.ndarray, std: numpy.ndarray) -> bool:
    """Whether train's pixels would then lie in 0..1."""
    unit = view.means[0] * std + mean
    return bool(unit.min() > -0.05 and unit.max() < 1.05)


def _standardised(view: View):
    """Every channel by mean and deviation of the part itself."""
    (a, b), (s, t) = view.means, view.stds
    for said, ours, spread in (("val is standardised channel by channel, train is not", b, t), ("train is standardised channel by channel, val is not", a, s)):
        total = numpy.sqrt(ours.var(0) + numpy.square(spread).mean(0))
        if not (numpy.abs(ours.mean(0)) < 0.15).all() or not (numpy.abs(total - 1) < 0.3).all():
            continue
        other, deviation = (a, s) if ours is b else (b, t)
        whole = numpy.sqrt(other.var(0) + numpy.square(deviation).mean(0))
        whole = numpy.where(whole > 0, whole, 1.0)
        if view.kind != "image" and _drifts(view) and (whole < UNITS).all() and (whole > 1 / UNITS).all() and (numpy.abs(other.mean(0)) < AWAY).all():
            continue  # it went on from where train ends, in the same units
        moved = features((other - other.mean(0)) / whole, deviation / whole)
        yield (said, moved, view.val) if ours is b else (said, view.train, moved)


def _drifts(view: View) -> bool:
    """Whether the beginning and the end of train differ, as in a series that wanders."""
    third = len(view.order) // 3
    begin, end = view.train[view.order[:third]], view.train[view.order[-third:]]
    return third > 0 and float(distances(begin, end).max()) > max(CLEAR / 2, 2 * chance(third, third, RARELY / view.train.shape[1]))


def _orders(view: View):
    channels = view.means[0].shape[1]
    if not 2 <= channels <= 4:
        return
    for order in list(permutations(range(channels)))[1:]:
        yield _said(order, view.kind), features(view.means[0][:, order], view.stds[0][:, order]), view.val


def _exchanged(view: View):
    """Two channels exchanged before each place's own constants were taken off: what was one channel's mean and deviation is two numbers, which have to explain both."""
    (a, b), (s, t) = view.means, view.stds
    channels = a.shape[1]
    if not 2 <= channels <= 4:
        return
    whole, other = (numpy.sqrt(m.var(0) + numpy.square(d).mean(0)).clip(1e-12) for m, d in ((a, s), (b, t)))
    for i in range(channels):
        for j in range(i + 1, channels):
            scale = numpy.sqrt(other[i] / whole[j] * whole[i] / other[j])  # deviation that was taken off j, over that of i
            add = (b[:, i].mean() - scale * a[:, j].mean() - scale * (b[:, j].mean() - a[:, i].mean() / scale)) / 2
            means, stds = a.copy(), s.copy()
            means[:, i], stds[:, i] = scale * a[:, j] + add, scale * s[:, j]
            means[:, j], stds[:, j] = (a[:, i] - add) / scale, s[:, i] / scale
            order = list(range(channels))
            order[i], order[j] = j, i
            yield _said(tuple(order), view.kind), features(means, stds), view.val


def _said(order: tuple[int, ...], kind: str) -> str:
    if order == (2, 1, 0) and kind == "image":
        return "the channels lie in another order: train is RGB and val BGR, or the other way round"
    return f"the channels lie in another order: those of val are channels {', '.join(map(str, order))} of train"


def _swapped(view: View, before: float, bound: float) -> list[Preparation]:
    """Colours differ little in brightness; an order that fits where train's own does not is told all the same."""
    if before < 0.2:
        return []
    found = _best_order(view, before, bound)
    if found is None:  # the constants of each place were taken off behind the exchange
        plain = replace(view, means=tuple(_centred(m, s)[0] for m, s in zip(view.means, view.stds, strict=True)), stds=tuple(_centred(m, s)[1] for m, s in zip(view.means, view.stds, strict=True)))
        found = _best_order(replace(plain, train=features(plain.means[0], plain.stds[0]), val=features(plain.means[1], plain.stds[1])), before, bound)
    return [found] if found is not None else []


def _best_order(view: View, before: float, bound: float) -> Preparation | None:
    by_chance, own = _mean_by_chance(view), float(distances(view.train, view.val).mean())
    tried = [(float(distances(train, val).mean()), float(distances(train, val).max()), said) for said, train, val in _orders(view)]
    if own < TOLD_APART * by_chance or not tried:
        return None
    mean, after, said = min(tried)
    return Preparation(view.field, (), said, before, after, bound, True) if mean <= by_chance and after <= bound and own > 2 * mean else None


def _centred(means: numpy.ndarray, stds: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Every channel standardised over all samples of its split."""
    whole = numpy.sqrt(means.var(0) + numpy.square(stds).mean(0))
    whole = numpy.where(whole > 0, whole, 1.0)
    return (means - means.mean(0)) / whole, stds / whole


def _mean_by_chance(view: View) -> float:
    """The mean KS distance of all columns, which lies closer than the largest: what random parts of train, one as large as val, differ by at most."""
    random, part = numpy.random.default_rng(0), min(len(view.val), len(view.train) // 2)
    orders = [random.permutation(len(view.train)) for _ in range(PARTS)]
    return max(float(distances(view.train[order[part:]], view.train[order[:part]]).mean()) for order in orders)
