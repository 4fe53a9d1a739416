"""Do train and validation share samples, and do they mean the same by them?"""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.data.between import BetweenLook
from nbdebug.data.between.drift import LACKING
from nbdebug.data.between.found import PAIRS, ClassShift, Drift, Embedding, Overlap, Preparation, Repeats
from nbdebug.data.between.parts import GROUPED
from nbdebug.data.sources.table import NUMBERS
from nbdebug.errors import NotChecked
from nbdebug.findings import INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.data_audit.measure import data_audit
from nbdebug.instruments.data_audit.result import DataLook
from nbdebug.source_lines import location_fields

TELLING_SHARE = 0.01  # of val, from which on copies move its metric; our choice
TELLING_COUNT = 2
A_FEW = 5  # copies, fewer of which tell nothing where half of them have another label; our choice
REPEATED = 0.01  # of train, worth knowing
NAMED = 3  # columns in a message


@data_audit.check(
    "ND105", "train and validation overlap", severity=WARNING,
    advice="split before augmenting or oversampling, drop the copies, and split by group where samples belong together",
)  # fmt: skip
def split_overlap(look: DataLook) -> Iterator[Seen]:
    """The same samples in train and validation, to the last bit or nearly.

    Wrong: validation then measures what was learnt by heart, and overfitting looks like success.
    Seen: content hashes of all samples that were read; indices of Subsets of one dataset; near copies among the sampled ones, by
        correlation of images and series that are four times nearer than such data is to itself, by rows equal but for rounding, by
        rarer runs of words; groups of equally many near copies, with a gap around each, that lie on both sides; windows cut from one series whose values stand in windows of train at another place. Data of few values repeats by chance: there the copies must be more than train's own repeats
        give, unless a column agrees only where whole rows do. Nodes of one graph that masks part are left alone. From 1 % of validation (our choice: it then moves the metric) it is a warning, below it is worth knowing.
    Where: the loader, the dataset indices in validation.
    Try: split before augmenting or oversampling; sklearn's GroupShuffleSplit where samples belong together.
    Bad:
        train_loader = DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)
        val_loader = DataLoader(TensorDataset(inputs[192:].clone(), targets[192:]), batch_size=32)
    Good:
        train_loader = DataLoader(TensorDataset(inputs[:192], targets[:192]), batch_size=32, shuffle=True)
        val_loader = DataLoader(TensorDataset(inputs[192:], targets[192:]), batch_size=32)
    Source: Kapoor and Narayanan, Leakage and the reproducibility crisis in machine-learning-based science (2023).
    """
    found = _of_two(look, repeats_too=True)
    told = [overlap for overlap in found.overlaps if overlap.significant]
    if told:
        yield _overlap(found, told[0], told[1:])
    for group in found.groups:
        yield Seen(
            f"{group.shared} of the {group.of} values of {group.column} in {found.val} are in {found.train} as well ({', '.join(group.first[:3])}, …): "
            "if it names what samples belong to, validation knows them already",
            Location(detail=f"{found.val} {group.column}"), {"shared": group.shared, "of": group.of, "rows": group.rows}, severity=INFO,
            advice=f"sklearn.model_selection.GroupShuffleSplit with groups={group.column!r}",
        )  # fmt: skip
    if found.repeats is not None and _telling(found.repeats):
        yield _repeats(found, found.repeats)


@data_audit.check("ND106", "prepared differently", severity=WARNING, advice="send train and validation through the same transforms")
def preparation_mismatch(look: DataLook) -> Iterator[Seen]:
    """Train and validation come in other units, another channel order, another layout.

    Wrong: the model meets numbers in validation that it has never seen, and a good model looks useless.
    Seen: a rule is tried on one side (/ 255, standardise, other constants of normalisation, channels or columns in another order, log,
        a shifted vocabulary, small letters): it is told only where it brings the Kolmogorov-Smirnov distance of all columns
        from above 0.5 down to what two random parts of train differ by. Columns of few values are known by these, channels by the mean
        distance of all of them, and a vocabulary that was made anew by its order, which is that of val itself; categories that were, by the gap that val's lack
        leaves; what was scaled or filled by val's own numbers, by their being exact; targets that are scaled in train alone, where nothing in the text turns predictions back; columns, or colours, of one distribution in another order by what they tell of the target, which in val is
        told in that order alone, or with their signs turned back; rows whose targets are others, too, and that lie where train's may, are no matter of scale; pictures and series that lie the other way by their mean. What no rule explains is drift, ND115.
    Where: the loader, the field, the columns.
    Try: fit the scaler on train and apply it to both; one function that makes the transform for both.
    Bad:
        train_loader = DataLoader(TensorDataset(inputs[:192], targets[:192]), batch_size=32, shuffle=True)
        val_loader = DataLoader(TensorDataset(inputs[192:] / 255, targets[192:]), batch_size=32)
    Good:
        train_loader = DataLoader(TensorDataset(inputs[:192], targets[:192]), batch_size=32, shuffle=True)
        val_loader = DataLoader(TensorDataset(inputs[192:], targets[192:]), batch_size=32)
    Source: Breck et al., Data validation for machine learning (MLSys 2019), training-serving skew.
    """
    found = _of_two(look)
    for group in _by_rule(found.preparations):
        first = group[0]
        places = [place for p in group for place in p.places]
        named = f" ({_list(places)})" if places and len(group) > 1 else ""
        measured = ""
        if first.before is not None:
            after = max(p.after or 0.0 for p in group)
            measured = f": with that rule the distance between the two falls from {first.before:.2f} to {after:.2f}, where chance allows {first.bound:.2f}"
        yield Seen(
            f"{first.rule}{named}{measured}",
            Location(detail=", ".join([f"{found.val} {first.field}", *places[:NAMED]])),
            {"before": first.before, "after": first.after, "bound": first.bound, "columns": len(places)},
            severity=WARNING if first.sure else INFO,
        )  # fmt: skip


@data_audit.check("ND115", "drift", severity=WARNING, advice="look at how the split was made: shuffle it, or stratify it by class")
def drift(look: DataLook) -> Iterator[Seen]:
    """Train and validation come from different distributions.

    Wrong: validation then measures another task than the one that is learnt.
    Seen: of every column the Kolmogorov-Smirnov distance, beside what random parts of train of the same sizes reach; of whole samples
        a multi-kernel MMD and how well its witness tells the splits apart; of sequences the tokens that train lacks, and how often each comes; of classes the total variation. A warning needs a
        large effect (distance above 0.5, AUC above 0.9, four in ten labels moved: our choice) and one that chance gives in fewer than one
        of 100,000 splits. Where parts of train differ as much among themselves (blocks of its rows, or the groups that k-means finds
        where rows lie closer together than independent ones), the split is by time, subject or site. That, augmented data, and columns that
        only follow from class shares are worth knowing, and no more. But where the text sorts rows by something that is neither a time nor a group, and
        a column lies in that order through train, and in val beyond it, the cut is to blame.
    Where: the loader, the columns, the classes.
    Try: shuffle rows that are independent before the split, train_test_split(stratify=targets); or, if it is meant so, weigh the samples.
    Bad:
        order = inputs[:, 0].argsort()
        mixed = torch.cat([order[:180][torch.randperm(180)], order[180:]])
        train_loader = DataLoader(TensorDataset(inputs[mixed[:180]], targets[mixed[:180]]), batch_size=32, shuffle=True)
        val_loader = DataLoader(TensorDataset(inputs[mixed[180:]], targets[mixed[180:]]), batch_size=32)
    Good:
        mixed = torch.randperm(256)
        train_loader = DataLoader(TensorDataset(inputs[mixed[:180]], targets[mixed[:180]]), batch_size=32, shuffle=True)
        val_loader = DataLoader(TensorDataset(inputs[mixed[180:]], targets[mixed[180:]]), batch_size=32)
    Source: Rabanser et al., Failing loudly: detecting dataset shift (NeurIPS 2019); Gretton et al., A kernel two-sample test (2012).
    """
    found = _of_two(look)
    if found.class_shift is not None:
        told = bool(found.class_shift.absent and getattr(look.classes, "unshared", ()))  # ND103 names classes that one side lacks
        yield _classes(found, found.class_shift, told)
    yield from _columns(found)
    alarmed = {d.field for d in found.drifts if not d.why_legal}
    for one in found.embeddings:
        if one.field not in alarmed and one.auc > max(0.7, one.null_auc) and one.sigmas > 6:
            yield _embedding(found, one)


def _of_two(look: DataLook, repeats_too: bool = False) -> BetweenLook:
    found: BetweenLook = look.answer("between")
    if found.alone and not (repeats_too and _telling(found.repeats)):
        raise NotChecked("there is no second split to compare with: pass val=… or TrainingSetup(val_loader=…)")
    return found


def _overlap(look: BetweenLook, overlap: Overlap, more: list[Overlap]) -> Seen:
    """The surest kind of copies; the others are added to it, and not told twice."""
    first = overlap.pairs[0]
    manner = {"exact": "are in", "near": "are nearly in", "index": "are the same dataset items as some of", "windows": "overlap windows of", "groups": "have near copies in"}[overlap.how]
    about = "about " if overlap.estimated and (overlap.how == "exact" or overlap.compared == overlap.samples) else ""
    of = f"{overlap.compared:,}{' that were compared' if overlap.compared < overlap.samples else ''}"
    measure = f" ({overlap.measure} {first.likeness:.3f})" if overlap.how == "near" and first.likeness < 1 else ""
    several = f"{about}{overlap.count:,} of the {of}" if overlap.count < overlap.compared else f"{about}all {of}"
    tie = {"windows": "holds steps of", "groups": "is of one group with"}.get(overlap.how, "is")
    message = (
        f"{several} samples of {look.val} {manner} {look.train}{' as well' if overlap.how in ('exact', 'near') else ''} "
        f"({overlap.share:.1%}): {look.val} {look.words[1]} {first.val} {tie} {look.train} {look.words[0]} {first.train}{measure}"
    )
    if overlap.how == "groups":
        message += f"; {overlap.measure}, and the split cuts through them"
    if overlap.expected >= 1:
        message += f"; train's own repeats let one expect {overlap.expected:.0f}"
    if overlap.other_label:
        message += f"; {overlap.other_label:,} of them have another label there"
    if overlap.same:
        message += f": both are the same {overlap.same}"
    if more:
        message += f"; {sum(other.count for other in more):,} more are nearly there"
    pairs = [pair for other in (overlap, *more) for pair in other.pairs][:PAIRS]
    ids = ",".join(str(pair.val) for pair in pairs)
    evidence = {
        "samples": ids, "split": look.val, "train_samples": ",".join(str(pair.train) for pair in pairs), "count": overlap.count,
        "compared": overlap.compared, "expected": overlap.expected, "kind": overlap.how,
    }  # fmt: skip
    met_by_chance = overlap.count < A_FEW and 2 * (overlap.other_label or 0) >= overlap.count and not more  # the same words go on in another way
    telling = overlap.same != "loader" and not met_by_chance and any(one.count >= TELLING_COUNT and one.share >= TELLING_SHARE for one in (overlap, *more))
    advice = {
        "windows": "divide the series in time, before it is cut into windows, and leave a gap of one window",
        "groups": "split by what the copies have in common (a patient, a recording, the original), e.g. sklearn's GroupShuffleSplit",
    }.get(overlap.how)
    return Seen(message, Location(detail=f"{look.val}, {look.words[1]} {first.val}"), evidence, severity=WARNING if telling else INFO, advice=advice)


def _telling(repeats: Repeats | None) -> bool:
    return repeats is not None and repeats.worth_telling and repeats.count >= REPEATED * repeats.compared


def _repeats(look: BetweenLook, repeats: Repeats) -> Seen:
    several = f"{repeats.count:,} of {repeats.compared:,}" if repeats.count < repeats.compared else f"all {repeats.compared:,}"
    message = f"{several} samples of {look.train} are there more than once"
    if repeats.other_label:
        message += f", {repeats.other_label:,} of them with different labels"
    evidence = {"samples": ",".join(map(str, repeats.ids)), "split": look.train, "count": repeats.count, "other_label": repeats.other_label}
    where = Location(detail=f"{look.train}, {look.words[0]} {repeats.ids[0]}")
    return Seen(message, where, evidence, severity=INFO, advice="drop_duplicates() before the split, if it is not meant as oversampling")


def _by_rule(found: tuple[Preparation, ...]) -> list[list[Preparation]]:
    groups: dict[tuple[str, str], list[Preparation]] = {}
    for one in found:
        groups.setdefault((one.field, one.rule), []).append(one)
    return list(groups.values())


def _columns(look: BetweenLook) -> Iterator[Seen]:
    for field in dict.fromkeys(d.field for d in look.drifts):
        mine = [d for d in look.drifts if d.field == field]
        alarming = [d for d in mine if not d.why_legal]
        told = alarming or [d for d in mine if d.distance >= 0.25]
        if told:
            yield _drifting(look, field, told, bool(alarming))


def _drifting(look: BetweenLook, field: str, told: list[Drift], alarming: bool) -> Seen:
    worst = told[0]
    more = f" and {len(told) - 1} more" if len(told) > 1 else ""
    moved = f", its mean moved by {worst.shift:+.2g} standard deviations" if worst.shift is not None else ""
    what = "total variation" if worst.shift is None and not worst.edges else "Kolmogorov-Smirnov distance"
    called = field if worst.column == "all" else worst.column
    whole = f"{called}{more}" if called == field or field == NUMBERS else f"{called}{more} of {field}"
    message = (
        f"{whole} {'is' if len(told) == 1 else 'are'} distributed differently in {look.val}: {what} {worst.distance:.2f} "
        f"(random parts of {look.train} stay below {worst.null:.2f}){moved}"
    )
    if worst.column == LACKING:
        message = f"{worst.distance:.0%} of the tokens of {look.val}'s {field} never occur in {look.train} (of random parts of it, at most {worst.null:.0%})"
    if not alarming:
        message += f"; {worst.why_legal}" if worst.why_legal not in ("", "small", "few samples", "one of many") else ""
    by = next((d.sorted_by for d in told if d.sorted_by is not None), None)
    if by is not None:
        message += f"; the text sorts the rows by {by.by}, and they are cut by their place, so that {look.val} lies beyond all that is trained on"
    evidence = {"distance": worst.distance, "null": worst.null, "by_order": worst.by_order, "columns": len(told)}
    where = Location(**location_fields(by.line if by is not None else None), detail=", ".join([f"{look.val} {field}", *(d.column for d in told[:NAMED])]))
    return Seen(message, where, evidence, severity=WARNING if alarming else INFO, advice=_by_group(look) if by is None else None)


def _embedding(look: BetweenLook, one: Embedding) -> Seen:
    message = (
        f"whole samples of {one.field} ({one.what}) differ: from the MMD's witness one can tell whether a sample is of {look.train} or {look.val} with an "
        f"AUC of {one.auc:.2f} (random splits stay below {one.null_auc:.2f})"
    )
    if one.why_legal not in ("", "small"):
        message += f"; {one.why_legal}"
    evidence = {"auc": one.auc, "mmd": one.mmd, "sigmas": one.sigmas, "rows": one.rows}
    where = Location(detail=f"{look.val} {one.field}")
    return Seen(message, where, evidence, severity=INFO if one.why_legal else WARNING, advice=_by_group(look))


def _by_group(look: BetweenLook) -> str | None:
    """What to do with data whose parts differ: shuffled before the split, train would hold the future of val, or its subjects."""
    if not any(one.why_legal == GROUPED for one in (*look.drifts, *look.embeddings)):
        return None
    return "fine where the split is by subject, site or time, as it then should be (sklearn's GroupKFold, TimeSeriesSplit): leave the rows together"


def _classes(look: BetweenLook, shift: ClassShift, told: bool) -> Seen:
    worst = f"class {shift.names[0]} is {shift.train[0]:.1%} of {look.train} and {shift.val[0]:.1%} of {look.val}"
    message = f"the classes are shared out differently: {worst} (total variation {shift.variation:.2f}, random splits stay below {shift.null:.2f})"
    if shift.absent:
        message += f"; {_list(list(shift.absent))} of {look.val} {'is' if len(shift.absent) == 1 else 'are'} not in {look.train} at all"
    if shift.why_legal not in ("", "small", "few samples"):
        message += f"; {shift.why_legal}"
    evidence = {"variation": shift.variation, "null": shift.null, "absent_share": shift.absent_share}
    where = Location(detail=f"{look.val} {shift.field}, class {shift.names[0]}")
    return Seen(message, where, evidence, severity=INFO if shift.why_legal or told else WARNING, advice="train_test_split(…, stratify=targets)")


def _list(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
