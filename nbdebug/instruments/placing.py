"""Where a finding has no line of the user's yet: the line that makes its module, fills its parameter, builds its data or its loss.

Which line explains a fault depends on the fault: the tables say of which codes what is asked first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

from nbdebug.findings import Finding
from nbdebug.lines.assigned import line_that_assigns
from nbdebug.lines.built import line_that_builds
from nbdebug.lines.divided import line_that_divides, line_that_sorts_as_text, line_that_takes
from nbdebug.lines.handed import line_that_brings_nan, line_that_casts_for, line_that_hands
from nbdebug.lines.initialised import line_that_initialises, line_that_sets_the_spread
from nbdebug.lines.made import (
    line_of_dataset,
    line_of_group,
    line_that_collates,
    line_that_fills,
    line_that_makes,
    line_that_orders,
    line_that_reads,
)
from nbdebug.lines.quoted import quoted
from nbdebug.source_lines import SourceLine, is_of_library, location_fields
from nbdebug.training_setup import TrainingSetup

JOINED = ("ND104",)  # inputs and targets meet where the dataset is made
SHARED = ("ND105",)  # by how the samples were divided
ARRIVES = ("ND102", "ND103")  # the layer is only where the numbers arrive
WORKED_OUT = ("ND101", "ND102", "ND103", "ND110", "ND112")  # what a sample holds: of a dataset that works it out as it is read, there
SCALED = ("ND102", "ND112")  # of a dataset that was made from numbers as a whole, where that was
HANDED = ("ND102", "ND106", "ND112")  # of a dataset of plain tensors, where the variable that it is made of got its last value
MADE_AS = ("ND106", "ND115")  # val is another thing than train: where its dataset is made
CUT = ("uint8", "int8", "int16", "uint16")  # dtypes that hold little
INITIAL = ("ND201", "ND202", "ND307", "ND406")  # of weights as they were filled
LAYERS = ("ND205", "ND304", "ND305", "ND401")  # a layer of torch's: the line that makes it says what it is, the call does not
SHAPED = ("ND307",), ("Threshold", "Hardshrink", "Softshrink", "Hardtanh")  # of a layer whose own numbers say where it is flat
CALLED = ("ND205", "ND305", "ND401")  # but where a forward calls it by its name and it is right elsewhere: too much or too little stands there
CHOSEN = ("ND404",)  # the loss itself is the wrong one: where it is one of torch's, the line that makes it
UNEVEN = ("ND107",)  # the loss weighs no class; where it is not known, what the loader delivers
OF_GROUP = {"ND604": "lr", "ND605": "lr", "ND607": "weight_decay"}  # what a parameter group sets for itself
SPREAD = ("ND202", "ND406")  # where no line fills them: a number of the configuration
GROWING = ("ND503",)  # perhaps by how one weight was filled
FADING, SMALL = ("ND502",), 0.4  # by how weights were filled, where their gain is below that which torch gives a layer, 0.58


def placed(findings: Iterable[Finding], *models: nn.Module, setup: TrainingSetup | None = None) -> Iterator[Finding]:
    """The findings, each with the user's line that makes its module, parameter, data or loss, where no line of the user's is known."""
    for finding in findings:
        known = finding.location.line is not None and not is_of_library(finding.location.file)
        lines = _made(finding, models) if known else filter(None, _lines(finding, models, setup))
        line = next(iter(lines), None)
        place = finding.location if line is None else replace(finding.location, **location_fields(line))
        function, text = quoted(place.file, place.line, place.cell)
        yield replace(finding, location=replace(place, function=function, text=text))


def _handed(finding: Finding, name: str, loader: object) -> Iterator[SourceLine | None]:
    """Where what a loader hands out was worked out, before there was one."""
    dataset, targets = getattr(loader, "dataset", None), finding.location.detail.startswith(f"{name} target")
    if finding.code in MADE_AS and type(dataset) not in (Subset, TensorDataset):
        yield line_of_dataset(loader)
    if finding.code == "ND101":
        yield line_that_brings_nan(name, targets=targets, throughout=finding.evidence.get("rows") == finding.evidence.get("read"))
    if finding.code == "ND110":
        yield line_that_casts_for(name, targets=targets, kinds=CUT)
    if finding.code in HANDED:
        yield line_that_hands(name, targets=targets, outside=finding.code == "ND106")
    if finding.code == "ND103" and targets:
        yield line_that_collates(loader)
    if finding.code == "ND115":
        yield line_of_dataset(loader) if type(dataset) is TensorDataset else None
    if finding.code == "ND108" and not isinstance(loader, DataLoader):
        yield line_that_orders(loader)


def _made(finding: Finding, models: Iterable[nn.Module]) -> Iterator[SourceLine]:
    """Where a line that runs is known, the one that makes the layer of torch's it runs into, or fills the parameter that is to blame."""
    for model in models if finding.code in INITIAL and finding.location.parameter else ():
        if (line := line_that_initialises(model, finding.location.parameter)) is not None:
            yield line
    if finding.code in CHOSEN and (kind := re.search(r"\((\w+Loss)\)", finding.location.detail)) and (line := line_that_builds(kind[1])) is not None:
        yield line
    for model in models if finding.code in (*LAYERS, *SHAPED[0]) and finding.location.module else ():
        modules = dict(model.named_modules())
        part, holder = modules.get(finding.location.module), modules.get(finding.location.module.rpartition(".")[0])
        if finding.code in SHAPED[0] and type(part).__name__ not in SHAPED[1]:
            continue
        if finding.code in CALLED and not isinstance(holder, (nn.Sequential, nn.ModuleList)):
            continue
        line = line_that_assigns(model, finding.location.module) if part is not None and type(part).__module__.startswith("torch.nn") else None
        if line is not None:
            yield line


def _lines(finding: Finding, models: Iterable[nn.Module], setup: TrainingSetup | None) -> Iterator[SourceLine | None]:
    """Lines that may have made it, the likeliest first."""
    place, loader = finding.location, None
    if finding.code == "ND312" and setup is not None and finding.evidence.get("phase") == "loss" and "the targets " in finding.message:
        yield line_that_reads(setup.train_loader, part="targets")
        yield line_that_fills(setup.train_loader, True)
        yield line_that_makes(setup.loss_fn, "loss_fn")
    if setup is not None:
        loader = next((name for name in ("train_loader", "val_loader") if place.detail.startswith(name)), None)
    if loader is not None and finding.code in WORKED_OUT and (loader, finding.code) != ("val_loader", "ND110"):  # there it is which transform it was given
        said = place.detail.split(", ")
        yield line_that_reads(getattr(setup, loader), said[1].rpartition(".")[2] if len(said) > 1 else "", said[0].removeprefix(loader).strip(), cast=finding.code == "ND103")
    if loader is not None and finding.code in SCALED:
        yield line_that_fills(getattr(setup, loader), place.detail.startswith(f"{loader} target"))
    if loader is not None:
        yield from _handed(finding, loader, getattr(setup, loader))
    if finding.code in SHARED:
        whole = getattr(getattr(setup, "train_loader", None), "dataset", None)
        held = getattr(getattr(setup, "val_loader", None), "dataset", None)
        if type(held) is Subset and held.dataset is whole:  # they were divided, and then not used so
            yield line_that_makes(setup.train_loader, "train_loader")
        yield line_that_divides()
    if finding.code in JOINED and finding.evidence.get("order") == "as text":
        yield line_that_sorts_as_text()
    if finding.code in JOINED and (held := re.match(r"`(\w+)", str(finding.evidence.get("order", "")))):
        yield line_that_takes(held[1])
    divided = loader is not None and type(getattr(getattr(setup, loader), "dataset", None)) is Subset
    if loader is not None and (finding.code in JOINED or divided and finding.code in WORKED_OUT):
        yield line_of_dataset(getattr(setup, loader))
    if loader is not None and finding.code in ARRIVES:
        yield line_that_makes(getattr(setup, loader), loader)
    for model in models:
        if place.parameter and finding.code in (*INITIAL, *GROWING):
            yield line_that_initialises(model, place.parameter, by_name=finding.code in GROWING)
        if place.parameter and finding.code in SPREAD:
            yield line_that_sets_the_spread(model, place.parameter)
        if place.parameter and finding.code in FADING and float(finding.evidence.get("gain") or 1.0) < SMALL:
            yield line_that_initialises(model, place.parameter)
        if place.detail.startswith("attribute "):  # a plain one, that no path of the model knows
            attribute = re.split(r"[.\[]", place.detail.removeprefix("attribute "))[0]
            yield line_that_assigns(model, ".".join(filter(None, [place.module, attribute])))
        elif path := place.parameter or place.module:
            yield line_that_assigns(model, path)
    if place.module or place.parameter or place.file:  # a file without an answer so far is a library's
        yield from map(line_that_makes, models)
    if loader is not None:
        yield line_that_makes(getattr(setup, loader), loader)
    elif setup is not None and place.detail.startswith("loss_fn"):
        yield line_that_builds(type(setup.loss_fn).__name__ if setup.loss_fn is not None else "cross_entropy")  # it may have been given out by a function, or be none
        yield line_that_makes(setup.loss_fn, "loss_fn")
        yield line_that_makes(setup.train_loader, "train_loader") if finding.code in UNEVEN else None
    elif setup is not None and ", group " in place.detail:
        named = [one for one in setup.optimizers if place.detail.startswith(type(one).__name__)]
        if len(named) == 1 and finding.code in OF_GROUP:
            yield line_of_group(named[0], int(place.detail.rpartition(" ")[2]), OF_GROUP[finding.code])
        yield line_that_makes(named[0], "optimizer") if len(named) == 1 else None
