"""Which variables does a text bring into another order, each by a draw of its own? `np.random.shuffle(images)` and below it `np.random.shuffle(labels)`.

Only the text is asked, statement by statement, the functions that it calls opened: every variable carries the draws that its order comes from. Draws from
the same seed are one order: those that name the same number, or have a seed set between them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations

from nbdebug.lines.names import called, last_name
from nbdebug.lines.sources import texts
from nbdebug.source_lines import SourceLine

DRAWN = ("permutation", "randperm", "permuted")  # what an index or a copy in a new order is drawn by
RANDOM = ("rand", "random", "random_sample", "uniform", "randn", "normal", "standard_normal")  # numbers whose ranks are such an index
TAKES = ("take", "index_select", "reindex", "take_along_axis")  # calls that get an index
TOGETHER = ("shuffle", "train_test_split", "resample")  # one order for all that they get
SEEDS = ("seed", "manual_seed", "seed_everything", "set_seed", "default_rng", "RandomState", "set_state", "setstate", "set_rng_state")
MODULES = ("random", "numpy", "np", "torch", "utils", "sklearn")
DEEP = 3  # functions that call functions


@dataclass(frozen=True)
class Draw:
    """A call that draws an order."""

    tick: int  # its turn among draws and seeds
    seeded: str  # the number that it names; "" where it goes on from the last
    maker: str  # variable that holds its generator, and how that was made
    made: str


Carried = dict[Draw, int]  # the draws that the order of a variable comes from → the line on which it took it over


@dataclass(frozen=True)
class Shuffled:
    """A variable, and the line that brings what it holds into another order."""

    name: str  # "images", "self.images", "data.target"
    line: SourceLine


@dataclass(frozen=True)
class Apart:
    """Two of them in one block, and no seed set between them; or one alone, and what the block names otherwise."""

    one: Shuffled
    other: Shuffled | None
    before: frozenset[str] = frozenset()  # names that the block gives a value before the draw, and not after it
    beside: frozenset[str] = frozenset()  # names in the very order of the one, or of the other
    dataset: str = ""  # class that is handed both, in a function that keeps them to itself


def shuffled_apart() -> list[Apart]:
    """Of the script, or the cells of the notebook, block by block."""
    found: list[Apart] = []
    for name, cell, tree in texts():
        functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        lines = {node.lineno: ast.unparse(node).split("\n")[0] for node in reversed(list(ast.walk(tree))) if isinstance(node, ast.stmt)}
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.FunctionDef)):
                run = _Run(functions)
                run.block(node.body, 0)
                found += _found(run, node, lambda line, of=name, at=cell, said=lines: SourceLine(of, line, at, said.get(line, "")))
    return found


def _found(run: _Run, block: ast.Module | ast.FunctionDef, line_at: Callable[[int], SourceLine]) -> Iterator[Apart]:
    """Of the variables that outlive the block; what others hold, nobody can look up."""
    lasting = {name: drawn for name, drawn in run.carried.items() if drawn and (isinstance(block, ast.Module) or name.startswith("self."))}
    handed = [(one, other, kind) for one, other, kind in run.handed if all(run.torn(a, b) for (_, a), (_, b), its in run.handed if its == kind)]
    for (one, first), (other, later), kind in [*((*pair, "") for pair in combinations(lasting.items(), 2)), *handed]:
        if (lines := run.torn(first, later)) is not None:
            beside = frozenset(name for name, drawn in run.carried.items() if name not in (one, other) and set(drawn) in (set(first), set(later)))
            yield Apart(Shuffled(one, line_at(lines[0])), Shuffled(other, line_at(lines[1])), beside=beside, dataset=kind)
    for name, drawn in lasting.items() if len(run.draws) == 1 else ():
        for line in drawn.values():
            before, after = (frozenset(_given([node for node in block.body if (node.lineno < line) == early])) for early in (True, False))
            yield Apart(Shuffled(name, line_at(line)), None, before - after, frozenset(lasting) - {name})


def _given(block: list[ast.stmt]) -> Iterator[str]:
    for node in block:
        yield from (ast.unparse(part) for target in _targets(node) for part in ast.walk(target) if isinstance(part, (ast.Name, ast.Attribute)))


def _targets(node: ast.stmt) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, (ast.AnnAssign, ast.AugAssign)) else []


@dataclass
class _Run:
    """What the variables of a block carry, after the statements so far."""

    functions: dict[str, ast.FunctionDef]
    carried: dict[str, Carried] = field(default_factory=dict)
    makers: dict[str, str] = field(default_factory=dict)  # variable → the call that made the generator in it
    draws: list[Draw] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    handed: list[tuple[tuple[str, Carried], tuple[str, Carried], str]] = field(default_factory=list)
    line: int = 0  # of the call, in a function that is called

    def torn(self, one: Carried, other: Carried) -> tuple[int, int] | None:
        """The lines of the last draw that the one has for itself, and of the other's; None where they may be of one order."""
        mine, theirs = ({draw: line for draw, line in a.items() if draw not in b} for a, b in ((one, other), (other, one)))
        if not mine or not theirs or any(self.one_order(a, b) for a in mine for b in theirs):
            return None
        return max(mine.values()), max(theirs.values())

    def one_order(self, a: Draw, b: Draw) -> bool:
        """Whether both draws may give the same order."""
        if a.seeded and b.seeded:
            return a.seeded == b.seeded
        if a.made and b.made and a.maker != b.maker:
            return a.made == b.made
        return any(min(a.tick, b.tick) < seed < max(a.tick, b.tick) for seed in self.seeds)

    def block(self, body: list[ast.stmt], deep: int) -> list[Carried]:
        """What its last return gives, each its own."""
        given: list[Carried] = []
        for node in body:
            if isinstance(node, (ast.If, ast.With)):
                given = self.block(node.body, deep) or given
                self.block(getattr(node, "orelse", []), deep)
            elif isinstance(node, ast.Return) and node.value is not None:
                given = self.values(node.value, deep)
            elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                values = self.values(node.value, deep)
                for target in _targets(node):
                    self.assign(target, values, node.value)
            elif isinstance(node, ast.Expr):
                self.expression(node.value, deep)
        return given

    def assign(self, target: ast.expr, values: list[Carried], value: ast.expr) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            for place, part in enumerate(target.elts):
                self.assign(part, [values[place] if len(values) == len(target.elts) else _joined(values)], value)
        elif name := _name(target):
            self.carried[name] = _joined(values)
            if called(value) in SEEDS:
                self.makers[name] = ast.unparse(value)

    def expression(self, node: ast.expr, deep: int) -> None:
        """`shuffle(labels)` in place, or a call that does so inside."""
        if called(node) == "shuffle" and len(node.args) == 1 and (name := _name(node.args[0])):
            draw = self.drawn(node)
            self.carried[name] = {**self.carried.get(name, {}), draw: self.line or node.lineno}
        else:
            self.values(node, deep)

    def values(self, node: ast.expr, deep: int) -> list[Carried]:
        """Of a tuple, or of what a call gives, each its own."""
        if isinstance(node, ast.Tuple):
            return [_joined(self.values(part, deep)) for part in node.elts]
        function = self.functions.get(node.func.id) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None
        if function is not None and deep < DEEP:
            return self.called(function, node, deep)
        if called(node) in TOGETHER and len(node.args) > 1:
            draw, copies = self.drawn(node), 2 if called(node) == "train_test_split" else 1
            return [{**self.of(part, deep), draw: self.line or node.lineno} for part in node.args for _ in range(copies)]
        return [self.of(node, deep)]

    def called(self, function: ast.FunctionDef, call: ast.Call, deep: int) -> list[Carried]:
        """What a function of the text gives, its own variables forgotten again."""
        names = [argument.arg for argument in function.args.args]
        words = {word.arg: word.value for word in call.keywords if word.arg}
        given = {name: self.of(value, deep) for name, value in {**dict(zip(names, call.args, strict=False)), **words}.items()}
        outside, line = self.carried, self.line
        self.carried = {**{name: held for name, held in outside.items() if name not in names}, **given}
        if len(names) == 1:  # one variable goes through it after the other: the line that calls it is to blame
            self.line = line or call.lineno
        values = self.block(function.body, deep + 1)
        self.carried, self.line = outside, line
        return values or [{}]

    def of(self, node: ast.expr, deep: int, taken: bool = False) -> Carried:
        """The draws that an expression's order comes from; of an index, with the line on which it is used."""
        if isinstance(node, ast.Lambda):
            return {}
        found: Carried = {}
        known = self.carried.get(_name(node), {}) if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)) else {}
        found.update({draw: (self.line or node.lineno) if taken else line for draw, line in known.items()})
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in self.functions and deep < DEEP:
            return {**found, **_joined(self.called(self.functions[node.func.id], node, deep))}
        if isinstance(node, ast.Subscript):
            index = {} if isinstance(node.slice, ast.Tuple) and isinstance(node.slice.elts[0], ast.Slice) else self.of(node.slice, deep, True)
            return {**found, **self.of(node.value, deep, taken), **index}
        parts = [part for part in ast.iter_child_nodes(node) if isinstance(part, (ast.expr, ast.keyword, ast.comprehension))]
        inside = [self.of(part, deep, taken or called(node) in TAKES or isinstance(part, ast.comprehension)) for part in parts]
        found.update(_joined(inside))
        if isinstance(node, ast.Call):
            if called(node) in SEEDS:
                self.seeds.append(self.tick())
            if _draws(node):
                found[self.drawn(node)] = self.line or node.lineno
            if called(node).endswith("Dataset") and len(node.args) == 2:
                one, other = zip(map(ast.unparse, node.args), inside[1:3], strict=True)
                self.handed.append((one, other, called(node)))
        return found

    def drawn(self, call: ast.Call) -> Draw:
        seeded, maker = _seed(call)
        if seeded in self.makers:  # a generator goes on from draw to draw
            seeded, maker = "", seeded
        self.draws.append(Draw(self.tick(), seeded, maker, self.makers.get(maker, "")))
        return self.draws[-1]

    def tick(self) -> int:
        return len(self.draws) + len(self.seeds)


def _joined(values: list[Carried]) -> Carried:
    return {draw: line for value in values for draw, line in value.items()}


def _draws(call: ast.Call) -> bool:
    """Whether it gives an order, or something in a new one."""
    name, words = called(call), {word.arg: word.value for word in call.keywords}
    if name == "sample":
        whole = any(called(part) in ("range", "len") for part in call.args)
        return "frac" in words or whole and len(call.args) == 2
    if name == "choice":
        return isinstance(words.get("replace"), ast.Constant) and words["replace"].value is False
    if name in ("argsort", "sorted"):
        return any(called(part) in RANDOM for part in ast.walk(call))
    if name in DRAWN:
        return not any(isinstance(part, ast.Attribute) and part.attr == "columns" for argument in call.args for part in ast.walk(argument))
    return name in TOGETHER


def _name(node: ast.expr) -> str:
    """Of a variable, or of a part of one; "" of anything else, as of `range(n)`."""
    inner = node
    while isinstance(inner, (ast.Attribute, ast.Subscript)):
        if isinstance(inner, ast.Subscript) and not isinstance(inner.slice, ast.Constant):
            return ""
        inner = inner.value
    return ast.unparse(node) if isinstance(inner, ast.Name) else ""


def _seed(call: ast.Call) -> tuple[str, str]:
    """What is handed to the draw beside the data, or its generator was made from; and the variable that holds the generator."""
    words = [ast.unparse(word.value) for word in call.keywords if word.arg in ("random_state", "generator", "seed")]
    maker = call.func.value if isinstance(call.func, ast.Attribute) else None
    held = _name(maker) if maker is not None and last_name(maker) not in MODULES else ""
    return ",".join(words + ([ast.unparse(maker)] if isinstance(maker, ast.Call) else [])), held
