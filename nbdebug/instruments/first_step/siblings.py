"""Two networks of one make where the text speaks of one: a siamese model whose halves are two, each with weights of its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from torch import nn

from nbdebug.batch import tensors
from nbdebug.findings import Location
from nbdebug.instruments.first_step.answers import Untied
from nbdebug.instruments.first_step.written import chain, methods
from nbdebug.listening import ModuleCall, Tape, plain_path

NOUNS = r"(?:encoder|tower|network|net|backbone|branch|embedder|extractor|model|weights|parameters)s?"
SPEAKS_OF_ONE = re.compile(
    rf"siamese|(?:one|same|single|common|identical) {NOUNS}\b[^.\n]{{0,40}}\b(?:both|two|each|all|every|twice|either|sides|inputs|views|of a pair)"
    rf"|\b(?:both|two|each|either)\b[^.\n]{{0,40}} (?:one|same|single|common) {NOUNS}\b", re.I,
)  # fmt: skip
SHARED = re.compile(r"shar(?:e|ed|ing|es) (?:the |one |a |its |their )?(?:same )?(encoder|tower|network|backbone|branch|embedder|extractor)", re.I)  # of the very two, by their names
TWINS = "twins"  # how it is known
DENIES = re.compile(r"pseudo|no weight|not shar|n't shar|un-?shar|without shar|own weights|separate|momentum|ema\b|teacher|target", re.I)


def twins_apart(model: nn.Module, tape: Tape) -> Iterator[Untied]:
    """Children of one class and shape, both learning, each given an input of its own of one shape, in a class whose text speaks of one network for both."""
    for path, owner in model.named_modules():
        written = list(methods(owner))
        about = " ".join({line for method in written for line in (method.about, *re.findall(r"#.*|\"\"\"[\s\S]*?\"\"\"", "".join(method.lines)))})
        speaks, shared = SPEAKS_OF_ONE.search(about), SHARED.search(about)
        if not (speaks or shared) or DENIES.search(about):
            continue
        for first, second in _pairs(owner, tape):
            named = f"{first} {second} {type(owner._modules[first]).__name__}".lower()
            said = speaks or (shared if shared is not None and shared[1].lower() in named else None)
            if said is None:
                continue
            names = [plain_path(f"{path}.{name}" if path else name) for name in (first, second)]
            weight = next(name for name, p in owner._modules[first].named_parameters() if p.ndim > 1)  # type: ignore[union-attr]
            shape = tuple(dict(owner._modules[second].named_parameters())[weight].shape)  # type: ignore[union-attr]
            lines = [method.location(node) for method in written for node in ast.walk(method.tree) if isinstance(node, ast.Assign) and any(chain(t, method.me) == (second,) for t in node.targets)]
            place = lines[0] if len(lines) == 1 else Location()
            yield Untied(f"{names[0]}.{weight}", f"{names[1]}.{weight}", shape, TWINS, " ".join(said[0].split()), replace(place, module=names[1], parameter=f"{names[1]}.{weight}"))


def _pairs(owner: nn.Module, tape: Tape) -> Iterator[tuple[str, str]]:
    children = [(name, child) for name, child in owner._modules.items() if child is not None and any(p.ndim > 1 and p.requires_grad for p in child.parameters())]
    for at, (first, one) in enumerate(children):
        for second, other in children[at + 1 :]:
            if one is not other and type(one) is type(other) and _shapes(one) == _shapes(other) and _get_alike(tape, one, other):
                yield first, second


def _shapes(module: nn.Module) -> list[tuple[str, tuple[int, ...], bool]]:
    return [(name, tuple(p.shape), p.requires_grad) for name, p in module.named_parameters()]


def _get_alike(tape: Tape, one: nn.Module, other: nn.Module) -> bool:
    """Whether each is called once or oftener, on other tensors of one shape than the other, and neither with what came of the other."""
    calls = [[call for call in tape.modules if call.module is module and call.returned] for module in (one, other)]
    if not all(calls):
        return False
    left, right = ([t for _, t in tensors((call[0].args, call[0].kwargs))] for call in calls)
    if not left or not right or left[0].shape != right[0].shape or {id(t) for t in left} & {id(t) for t in right}:
        return False
    return not (_within(tape, calls[0][0], right[0]) or _within(tape, calls[1][0], left[0]))


def _within(tape: Tape, call: ModuleCall, tensor: object) -> bool:
    return any(call.first <= index < call.last for index in tape.ancestors(tensor))  # type: ignore[arg-type]
