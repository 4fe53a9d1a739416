"""Do the labels belong to their inputs?"""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.data.classes.alignment import Alignment
from nbdebug.data.classes.between_splits import Between
from nbdebug.data.classes.collated import Collated, is_crossed
from nbdebug.data.classes.in_order import Block, Shifted
from nbdebug.data.classes.probe import Agreement
from nbdebug.data.classes.reordered import AS_TEXT, BACKWARDS, COPIES, EACH, ROLLED, STEPS, Reordered
from nbdebug.errors import NotChecked
from nbdebug.findings import INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.data_audit.measure import data_audit
from nbdebug.instruments.data_audit.result import DataLook
from nbdebug.source_lines import location_fields

FAR = 7.0  # standard deviations above permuted labels; our choice: 11 shifts of 200 sound data sets stay below 5
CHANCE = 4.0  # and below this, labels are told no better than permuted ones
TOLD = 0.25  # correlation from which labels can be told from inputs; the weakest sound patient has 0.24
LEFT = 0.15  # of the correlation elsewhere, that may be left where labels are shuffled
LEFT_THERE = 0.2  # the same beside an order that was looked for: of two learners the better one has 0.14 by chance on 300 rows
LEFT_HELD = 0.3  # the same where the very labels lie in reach, and each input tells the one in its own place there
OTHERS = 0.5  # of the best shift's correlation, that no other shift may reach
SHARP = 0.25  # and none in a series, where a label k rows late is no forecast
ENOUGH = 100, 40  # samples of the smaller split, and of a block
GROUPED = 3.0  # standard deviations from which samples lie nearer to each other than new ones do to them; our choice
BEYOND_CHANCE = 1.5  # times the clearest block of random orders
RENAMED = 0.7, 0.2  # labels right under other names, and how much more than under their own


@data_audit.check("ND104", "label misaligned", severity=WARNING)
def label_misaligned(look: DataLook) -> Iterator[Seen]:
    """Targets shuffled against, or shifted from, their inputs.

    Wrong: each input is taught the label of another one; the loss stays at that of guessing, or falls by learning by heart.
    Seen: two simple learners (nearest neighbours, and a linear one) guess each label from the other samples. Labels that
        can be told from the input one row off, and at no other distance, are shifted; so are labels in another order, when
        they can be told with their numbers sorted as text, backwards, with copies laid out in the other way, or with every k-th alone, or where the list that they were taken from is still held and has them at the places of the inputs; where none can be told, they are misaligned if the text shuffles inputs and labels by two draws; labels that cannot be told in train
        when those of val can, from like inputs, are shuffled; so are those of one stretch of a dataset. All beside the
        same guesses of permuted labels: at least 7 standard deviations. A collate function of the user's is asked by exchanging one sample
        of a batch: inputs and targets must move in the same row. Nothing is said where inputs resemble the next
        ones (a series), where those that tell come in groups (copies of one sample, rows of one patient), or where nothing can be told anywhere. A label that only the next row tells may be a forecast.
    Where: the loader, the dataset indices, the shift.
    Try: join inputs and labels by a key instead of by position; shuffle both with one permutation.
    Bad:
        train_loader = DataLoader(TensorDataset(inputs, targets.roll(1)), batch_size=32, shuffle=True)
    Good:
        order = torch.randperm(len(inputs))
        train_loader = DataLoader(TensorDataset(inputs[order], targets[order]), batch_size=32)
    Source: Ojala and Garriga, Permutation tests for studying classifier performance (2010); the numbers are our choice.
    """
    found = look.answer("classes")
    asked = found.alignment
    crossed = [one for one in found.collated if is_crossed(one)]
    if crossed:
        yield _crossed(crossed[0])
        return
    if asked is None:
        raise NotChecked(found.left_out.get("alignment", "the data was not read that far"))
    seen = misaligned(asked)
    if not seen:
        _demand_told(asked)
    yield from seen


def misaligned(asked: Alignment) -> list[Seen]:
    """Of one split the first that explains it: a shift, a stretch, all of it."""
    seen = [*_shifted(asked), *_reordered(asked), *_blocks(asked)] or [*_held(asked)] or [*_torn(asked)]
    told = {finding.evidence["split"] for finding in seen}
    return [*seen, *(finding for finding in _between(asked) if finding.evidence["split"] not in told)]


def _demand_told(asked: Alignment) -> None:
    """Raises NotChecked where labels cannot be told from inputs anywhere."""
    at_zero = [one.agreement[one.shifts.index(0)] for one in asked.shifted]
    at_zero += [one.at_zero for one in asked.reordered]
    at_zero += [asked.between.train, asked.between.val] if asked.between is not None else []
    if not at_zero:
        raise NotChecked("there are too few labelled samples, or nothing that labels and inputs could be compared by")
    if any(one.series and max(at.z for at in one.agreement) >= FAR for one in asked.shifted) and max(one.z for one in at_zero) < CHANCE:
        raise NotChecked("inputs resemble the next ones, as in a series: that labels go with other rows may be meant")
    best = max(at_zero, key=lambda one: one.z)
    if best.z < CHANCE:
        raise NotChecked(f"no label can be told from the inputs of others by simple means (correlation {max(0.0, best.correlation):.2f})")


def _crossed(one: Collated) -> Seen:
    rows, labels = (", ".join(map(str, part)) for part in (one.inputs, one.targets))
    message = (
        f"`{one.function}` takes inputs and targets apart: when sample {one.place} of a batch is exchanged for another, "
        f"the inputs of row {rows} move, and the targets of row {labels} ({one.crossed} of {one.exchanges} samples that were exchanged)"
    )
    evidence = {"split": one.split, "function": one.function, "crossed": one.crossed, "exchanges": one.exchanges}
    location = Location(**location_fields(one.line), detail=f"{one.split} targets, collate_fn {one.function}")
    return Seen(message, location, evidence, advice="sort, shuffle or mix inputs and targets by one and the same order, drawn once")


# -- shifted ------------------------------------------------------------------------------------------------------------


def _shifted(asked: Alignment) -> Iterator[Seen]:
    for one in asked.shifted:
        at = dict(zip(one.shifts, one.agreement, strict=True))
        shift = max((k for k in at if k), key=lambda k: at[k].correlation)
        others = [at[k].correlation for k in at if k not in (0, shift)]
        lone = not others or max(others) <= OTHERS * at[shift].correlation
        sharp = shift > 0 and max(others, default=0.0) <= SHARP * at[shift].correlation  # a series told so is told by what is no series in it
        if (not one.series or sharp) and lone and _is_told(at[shift]) and _is_chance(at[0], at[shift].correlation):
            yield _shift(asked.field, one, shift, at[0], at[shift], certain=shift > 0 or one.signals or _other_is_aligned(asked, one))


def _other_is_aligned(asked: Alignment, one: Shifted) -> bool:
    """Whether labels of the other split can be told from their own inputs, so that the task is no forecast."""
    if asked.between is None:
        return False
    return _is_told(asked.between.val if one.split == asked.splits[0] else asked.between.train)


def _shift(field: str, one: Shifted, shift: int, at_zero: Agreement, at_shift: Agreement, *, certain: bool) -> Seen:
    place = f"{abs(shift)} {'row' if abs(shift) == 1 else 'rows'} {'after' if shift > 0 else 'before'} it"
    message = (
        f"labels go with the inputs of other rows: an input tells the label {place} (correlation of guess and label "
        f"{at_shift.correlation:.2f}), and not its own ({at_zero.correlation:.2f}, which is chance)"
    )
    advice = f"targets.roll({-shift}) undoes it; look for a row that was dropped, or a header that was read, in one of the two"
    if not certain:
        message += "; a forecast looks like that as well"
    evidence = {
        "split": one.split, "shift": shift, "at_shift": at_shift.correlation, "at_zero": at_zero.correlation, "z": at_shift.z,
        "samples_asked": one.samples,
    }  # fmt: skip
    location = Location(detail=f"{one.split} {field}, {one.where}, shifted by {shift:+d}")
    return Seen(message, location, evidence, severity=None if certain else INFO, advice=advice)


def _is_told(agreement: Agreement) -> bool:
    return agreement.z >= FAR and agreement.correlation >= TOLD


def _is_chance(agreement: Agreement, elsewhere: float) -> bool:
    return agreement.z < CHANCE and agreement.correlation <= max(LEFT * elsewhere, 0.1)


# -- in another order ---------------------------------------------------------------------------------------------------


def _reordered(asked: Alignment) -> Iterator[Seen]:
    series = {one.split for one in asked.shifted if one.series}
    for one in asked.reordered:
        if one.how in (COPIES, EACH, STEPS, ROLLED) and one.split in series:  # what has a period fits at many distances
            continue
        if _is_told(one.there) and _is_chance(one.at_zero, one.there.correlation * LEFT_THERE / LEFT):
            yield _order(asked.field, one)


READ = {
    AS_TEXT: "with their numbers sorted as text (1, 10, 100, 2, …)", BACKWARDS: "read backwards",
    COPIES: "read as {k} whole copies of the inputs, one behind the other, beside labels that stand {k} times each",
    EACH: "read as inputs that stand {k} times each beside labels one by one", STEPS: "with every {k}th label alone (0, {k}, …)",
    ROLLED: "with the label that stands {k} places on (the end joined to the beginning)",
}  # fmt: skip
MENDED = {
    AS_TEXT: "sorted() puts '10' before '2': sort names by their number, or look labels up by name", BACKWARDS: "was one of the two reversed?",
    COPIES: "labels.repeat(k) goes with torch.cat([inputs] * k), labels.repeat_interleave(k) with copies that stand side by side",
    EACH: "labels.repeat_interleave(k) goes with copies that stand side by side, labels.repeat(k) with torch.cat([inputs] * k)",
    STEPS: "take labels with the same step as the inputs: labels[::k]",
    ROLLED: "were files, parts or devices put together in another order in one of the two, or was one of them rolled or cut at its beginning?",
}  # fmt: skip


def _order(field: str, one: Reordered) -> Seen:
    message = (
        f"labels go with the inputs of other rows: {READ[one.how].format(k=one.times)}, an input tells its label (correlation of guess and label "
        f"{one.there.correlation:.2f}); as they stand it does not ({one.at_zero.correlation:.2f}, which is chance)"
    )
    advice = MENDED[one.how]
    evidence = {
        "split": one.split, "order": one.how, "there": one.there.correlation, "at_zero": one.at_zero.correlation, "z": one.there.z,
        "samples_asked": one.samples,
    }  # fmt: skip
    return Seen(message, Location(detail=f"{one.split} {field}, {one.where}, {one.how}"), evidence, advice=advice)


def _held(asked: Alignment) -> Iterator[Seen]:
    one = asked.held
    if one is None or not _is_told(one.there) or one.at_zero.correlation > LEFT_HELD * one.there.correlation:
        return
    message = (
        f"labels go with the inputs of other rows: an input tells the label that stands in {one.said} (correlation of guess and label "
        f"{one.there.correlation:.2f}), and not the one that it is given ({one.at_zero.correlation:.2f}, which is chance)"
    )
    evidence = {
        "split": one.split, "order": one.said, "there": one.there.correlation, "at_zero": one.at_zero.correlation, "z": one.there.z,
        "samples_asked": one.samples,
    }  # fmt: skip
    advice = "take inputs and labels by the same indices, from arrays in the same order; or join them by a key"
    drawn = location_fields(asked.torn.line) if asked.torn is not None and asked.torn.both and asked.torn.split == one.split else {}
    yield Seen(message, Location(**drawn, detail=f"{one.split} {asked.field}, {one.where}, {one.said}"), evidence, advice=advice)


def _torn(asked: Alignment) -> Iterator[Seen]:
    one = asked.torn
    if one is None or any(there.z >= CHANCE for shift in asked.shifted for there in shift.agreement) or any(order.there.z >= FAR for order in asked.reordered):
        return
    if asked.between is not None and max(asked.between.train.z, asked.between.val.z) >= CHANCE:
        return
    drawn = f"`{one.inputs}` and `{one.targets}` are shuffled by two draws, so that each has an order of its own" if one.both else f"`{one.inputs}` are shuffled, and `{one.targets}` stay in their order"
    message = (
        f"{drawn}{f' (line {one.first} and line {one.line.line})' if one.first is not None else ''}; no label can be told from its input any more "
        f"(correlation of guess and label {max(0.0, one.at_zero.correlation):.2f}, which is chance)"
    )
    location = Location(**location_fields(one.line), detail=f"{one.split} {asked.field}, {one.inputs}, {one.targets}")
    evidence = {"split": one.split, "inputs": one.inputs, "targets": one.targets, "at_zero": one.at_zero.correlation, "z": one.at_zero.z}
    advice = "draw one order and use it for both: order = numpy.random.permutation(n), then inputs[order] and labels[order]"
    yield Seen(message, location, evidence, advice=advice)


# -- shuffled in part of the dataset ------------------------------------------------------------------------------------


def _blocks(asked: Alignment) -> Iterator[Seen]:
    for block in asked.block:
        clear = block.z >= FAR and block.z >= BEYOND_CHANCE * block.by_chance and block.samples >= ENOUGH[1]
        lost = block.outside >= TOLD and block.inside <= LEFT * block.outside
        other_law = block.own.z >= CHANCE and block.own.correlation >= LEFT * block.outside
        if clear and lost and block.mixed and block.farther < GROUPED and _are_alike(block.apart) and not other_law:
            yield _block(asked.field, block)


def _block(field: str, block: Block) -> Seen:
    message = (
        f"the labels of one stretch go with nothing: there, guess and label correlate by {block.inside:.2f}, in the rest by "
        f"{block.outside:.2f}, and the inputs are alike"
    )
    advice = "join inputs and labels of this part by a key; which file, or which join, does it come from?"
    shifted = block.at_shift >= OTHERS * block.outside
    if shifted:
        message += f"; {abs(block.shift)} {'later' if block.shift > 0 else 'earlier'} in the dataset they fit ({block.at_shift:.2f})"
        advice = f"from there on the labels are {abs(block.shift)} off: a row was lost or read twice in one of the two"
    evidence = {
        "split": block.split, "inside": block.inside, "outside": block.outside, "z": block.z,
        "shift": block.shift if shifted else None, "samples_asked": block.samples,
    }  # fmt: skip
    return Seen(message, Location(detail=f"{block.split} {field}, about {block.where}"), evidence, advice=advice)


def _are_alike(apart: Agreement) -> bool:
    return apart.z < CHANCE or apart.correlation < 0.1


# -- one split against the other ----------------------------------------------------------------------------------------


def _between(asked: Alignment) -> Iterator[Seen]:
    found = asked.between
    if found is None or not _are_alike(found.apart) or min(found.samples) < ENOUGH[0]:
        return
    train, val = asked.splits
    train_is_mixed, val_is_mixed = (z < GROUPED for z in found.farther)  # else they tell the labels of their own kin alone
    if _is_told(found.val) and val_is_mixed and _is_lost(found.train, found.train_by_val, found.val):
        yield _shuffled(asked.field, train, val, found.train, found.val, found.train_by_val)
    elif _is_told(found.train) and train_is_mixed and _is_lost(found.val, found.val_by_train, found.train):
        yield _shuffled(asked.field, val, train, found.val, found.train, found.val_by_train)
    elif found.renamed and _is_told(found.train) and _is_told(found.val) and found.as_renamed >= max(RENAMED[0], found.as_named + RENAMED[1]):
        yield _renamed(asked.field, train, val, found)


def _is_lost(own: Agreement, by_other: float, other: Agreement) -> bool:
    """Whether labels can be told neither from their own split nor from the other, in which they can."""
    return _is_chance(own, other.correlation) and by_other <= max(LEFT * other.correlation, 0.1)


def _shuffled(field: str, sick: str, sound: str, own: Agreement, other: Agreement, by_other: float) -> Seen:
    message = (
        f"labels of {sick} go with nothing in their inputs (correlation of guess and label {own.correlation:.2f}; guessed by "
        f"{sound} {by_other:.2f}), while those of {sound} do ({other.correlation:.2f}), from inputs that are alike"
    )
    evidence = {"split": sick, "own": own.correlation, "other": other.correlation, "by_other": by_other, "z_of_other": other.z}
    advice = f"are inputs and labels of {sick} shuffled or sorted apart, or joined by position? use one permutation, or a key"
    return Seen(message, Location(detail=f"{sick} {field}"), evidence, advice=advice)


def _renamed(field: str, train: str, val: str, found: Between) -> Seen:
    named = ", ".join(f"{one} is {other}" for one, other in found.renamed[:5]) + (", …" if len(found.renamed) > 5 else "")
    message = (
        f"{train} and {val} name the same classes differently: read so that {named}, {found.as_renamed:.0%} of {val}'s labels are "
        f"as {train}'s samples tell them; as they are named, {found.as_named:.0%}"
    )
    evidence = {"split": val, "as_renamed": found.as_renamed, "as_named": found.as_named, "classes": len(found.renamed)}
    advice = f"make one table of class names from {train} and use it for both"
    return Seen(message, Location(detail=f"{val} {field}"), evidence, advice=advice)
