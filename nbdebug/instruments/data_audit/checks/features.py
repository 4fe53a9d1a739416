"""Do the columns hold what they seem to, and does one of them give the target away?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbdebug.data.features import FeatureLook, place
from nbdebug.data.features.columns import ColumnLook
from nbdebug.errors import NotChecked
from nbdebug.findings import INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.data_audit.measure import data_audit
from nbdebug.instruments.data_audit.result import NAMED, DataLook
from nbdebug.lines.clipped import clips, line_that_clips
from nbdebug.source_lines import location_fields

MANY = 0.5  # of columns without names, from which on constant ones are told
LOST, MEASURED = (3, 0.5), 0.3  # columns without a value of their own, how many and which share; different values a row of the others; our choice
FEWEST = 20  # samples; of fewer, a column may have one value by chance
SAME = {"equal": "equals {}", "a linear map of it": "is {} times a number plus another", "the same categories": "says the same as {} in other words"}
FAR_OUT = 0.01  # of the rows beyond three interquartile ranges; of a normal distribution it is one in 400,000


@data_audit.check("ND114", "missing or constant", severity=INFO)
def missing_or_constant(look: DataLook) -> Iterator[Seen]:
    """Missing values and what stands for them, constant columns, mixed types, skew that asks for a log, outliers, copies.

    Wrong: -999 for "not measured" is a number to a model, and an enormous one; "1,234" or "?" makes a column of numbers one
        of texts; what is missing everywhere or always the same teaches nothing.
    Seen: a usual stand-in (-999, 9999, 1e20 …) is told as a warning when it is repeated exactly, at least ten other values
        vary, and it lies three times their whole range away from them; or when it is a round one (-1, -99, 9999 …) that is
        repeated while the others hardly are, and has a sign that none of them has or lies a quarter of their range off.
        With a model it must reach the first layer as it is. So is any number at one end of a column, scaled or not, a quarter
        of the others' range away from them, whose rows have the target of all rows, while those of the nearest values have another; and a column of
        which half the values are squeezed into 0.3 standard deviations, where their ranks tell of the target twice what they do themselves; targets under a
        squared loss that are so, and whose order alone the inputs tell. A column in two units warns: two groups of one shape and of two sizes, that the target
        does not tell apart and follows alike; and a few samples ten times as far out as all others, unless the target is about these. So do
        most columns at their highest value, where the text cuts off, and most of a measured table with a single value. Columns of numbers that are text, all of it or by a few
        placeholders or separators, and a column with nothing in it, warn. The rest is worth knowing: shares of missing
        values, constant columns, values beyond three interquartile ranges, copies, row numbers, headers amid the data,
        skewness above 2, the outermost half percent left out, with the transform that takes most of it away.
    Where: the loader, the column, the first samples.
    Try: read stand-ins as missing (na_values=… in pandas), fill with the median and add a column that tells so.
    Bad:
        inputs[::10, 3] = -99.0
        train_loader = DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)
    Good:
        inputs[::10, 3] = 0.0
        train_loader = DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)
    Source: Tukey, Exploratory Data Analysis (1977), for the interquartile ranges; the other numbers are our choice.
    """
    asked: FeatureLook = look.answer("features")
    yield from _stand_ins(look, asked)
    yield from _hiding(look, asked)
    yield from _in_two_units(look, asked)
    yield from _beside_giants(look, asked)
    yield from _cut_off(look, asked)
    yield from _long_tail(asked)
    yield from _spoilt(asked)
    yield from _written(asked)
    yield from _missing(asked)
    yield from _repeated(asked)
    yield from _rows_and_names(asked)
    yield from _worth_knowing(look, asked)
    yield from _skewed(asked)


def _stand_ins(look: DataLook, asked: FeatureLook) -> Iterator[Seen]:
    received = _received(look)
    for column in asked.looks:
        found = column.sentinel
        if found is None or not found.certain:
            continue
        away = abs(found.nearest - found.value)
        if found.span > 0 and away >= found.span:
            beside = f", and every other value lies at least {away:.4g} away, which is {away / found.span:.1f} times their whole range"
        else:
            beside = f", far more often than any other value; the nearest other one is {found.nearest:.4g}" if found.span > 0 else ""
        message = f"{place(column.field, column.name)} is {found.value:g} in {found.count:,} of {found.rows:,} sampled rows{beside}"
        evidence = {"value": found.value, "count": found.count, "rows": found.rows, "samples": _ids(found.ids), "split": asked.split}
        advice = f"does {found.value:g} stand for a missing value? read it as one, and fill it"
        plain = asked.alone or column.field in received
        yield Seen(message, _at(asked, column.field, column.name), evidence, severity=WARNING if plain else INFO, advice=advice)


def _hiding(look: DataLook, asked: FeatureLook) -> Iterator[Seen]:
    """Told as a warning where the column goes into the first layer as it is, or a norm layer comes first."""
    received = _received(look)
    normed = not received and not look.step_error
    known = {(found.field, found.column): found for found in asked.hidden if asked.alone or normed or found.field in received}
    stand_ins = [found for found in known.values() if found.value is not None]
    for found in stand_ins[:NAMED]:
        message = (
            f"{place(found.field, found.column)} is {found.value:.4g} in {found.count:,} of {found.rows:,} rows, {found.off:.1f} times the range of all others away from them; "
            "of their target these rows are like all rows, and not like those whose value lies nearest: it stands for a missing value"
        )
        evidence = {"value": found.value, "count": found.count, "rows": found.rows, "samples": _ids(found.ids), "split": asked.split}
        advice = "fill what is missing with the median, before it is scaled, and tell so in a column of its own"
        yield Seen(message, _at(asked, found.field, found.column), evidence, severity=WARNING, advice=advice)
    squeezed = sorted((found for found in known.values() if found.value is None), key=lambda found: found.by_value - found.by_rank)
    if squeezed:
        worst = squeezed[0]
        shown = _listed([place(found.field, found.column) for found in squeezed])
        message = (
            f"{shown}: half of the values lie within {worst.squeezed:.2g} standard deviations, squeezed by a long tail; the ranks of {worst.column} tell "
            f"{worst.by_rank:.0%} of the target, its values {worst.by_value:.0%}"
        )
        evidence = {"by_rank": worst.by_rank, "by_value": worst.by_value, "columns": len(squeezed)}
        advice = "take the logarithm before it is scaled, or clip what lies far out"
        yield Seen(message, _at(asked, worst.field, worst.column), evidence, severity=WARNING, advice=advice)


def _in_two_units(look: DataLook, asked: FeatureLook) -> Iterator[Seen]:
    for found in [found for found in asked.two_units if _comes_in(look, asked, found.field)][:NAMED]:
        message = (
            f"{place(found.field, found.column)} seems to be written in two units: {found.other:,} of {found.rows:,} rows lie apart from all others, in the same shape and "
            f"{found.times:.4g} times as wide or narrow; the target does not tell the two groups apart, and follows the values within either (correlation {found.within:.2f}; {found.whole:.2f} over all as they are)"
        )
        evidence = {"rows": found.rows, "other": found.other, "times": found.times, "samples": _ids(found.ids), "split": asked.split}
        yield Seen(message, _at(asked, found.field, found.column), evidence, severity=WARNING, advice="bring all rows to one unit where the data is read, before it is scaled")


def _beside_giants(look: DataLook, asked: FeatureLook) -> Iterator[Seen]:
    unscaled = {odd.field for odd in look.answer("structure").odd if odd.kind == "range"}  # images that were not scaled have a name of their own
    for found in [found for found in asked.giants if _comes_in(look, asked, found.field) and found.field not in unscaled][:NAMED]:
        what = f"{found.count:,} of {found.rows:,} samples of {found.field}" if not found.column else f"{found.count:,} of {found.rows:,} values of {place(found.field, found.column)}"
        message = (
            f"{what} lie at least {found.times:,.0f} times as far out as every other: scaled with them, all others vary by {found.squeezed:.2g} of the deviation, and look alike"
        )
        evidence = {"count": found.count, "rows": found.rows, "times": found.times, "samples": _ids(found.ids), "split": asked.split}
        advice = "mistakes of a sensor or a unit? leave them out or repair them, before mean and deviation are taken"
        yield Seen(message, _at(asked, found.field, found.column), evidence, severity=WARNING, advice=advice)


def _cut_off(look: DataLook, asked: FeatureLook) -> Iterator[Seen]:
    """An alarm where the text says that values are cut off, too: else the limit may be that of the thing itself."""
    for found in asked.cut_off:
        message = f"{found.share:.0%} of the values of {found.count} of {found.of} columns of {found.field} ({_listed(list(found.columns))}) are the highest one of its column: what went beyond was cut off"
        line = line_that_clips()
        at = Location(detail=f"{asked.split} {found.field}", **(location_fields(line) if line is not None else {}))
        severity = WARNING if clips() and _comes_in(look, asked, found.field) else INFO
        yield Seen(message, at, {"share": found.share, "columns": found.count}, severity=severity, advice="choose a wider range, or a smaller gain, where the values are taken")


def _long_tail(asked: FeatureLook) -> Iterator[Seen]:
    if (found := asked.tail) is not None:
        message = (
            f"half of {found.field} lie within {found.squeezed:.2g} standard deviations, squeezed by a long tail: a linear rule of the inputs tells {found.by_rank:.0%} of their order "
            f"and {found.by_value:.0%} of their size, which is all that the squared loss asks for"
        )
        evidence = {"by_rank": found.by_rank, "by_value": found.by_value}
        yield Seen(message, _at(asked, found.field, ""), evidence, severity=WARNING, advice="take the logarithm of the targets before they are scaled, and turn predictions back")


def _comes_in(look: DataLook, asked: FeatureLook, field: str) -> bool:
    """Whether the first layer gets the field as it is, or a norm layer comes first; without a model it is only looked at."""
    received = _received(look)
    return asked.alone or field in received or not received and not look.step_error


def _repeated(asked: FeatureLook) -> Iterator[Seen]:
    told = {(found.field, found.column) for found in asked.hidden}
    doubtful = [c for c in asked.looks if c.sentinel is not None and not c.sentinel.certain and (c.field, c.name) not in told]
    for column in doubtful[:NAMED]:
        found = column.sentinel
        message = (
            f"{place(column.field, column.name)} is exactly {found.value:g} in {found.count:,} of {found.rows:,} sampled rows, far more often "
            f"than any other value; the nearest other one is {found.nearest:.4g}"
        )
        evidence = {"value": found.value, "count": found.count, "rows": found.rows, "samples": _ids(found.ids), "split": asked.split}
        advice = f"does {found.value:g} stand for a missing value, or is it meant?"
        yield Seen(message, _at(asked, column.field, column.name), evidence, advice=advice)


def _spoilt(asked: FeatureLook) -> Iterator[Seen]:
    for column in asked.entries:
        if not column.is_spoilt_number:
            continue
        shown = ", ".join(repr(text) for text in column.odd)
        message = (
            f"{column.numbers:.0%} of the entries of {column.field} are numbers, but {column.odd_count:,} of {column.entries:,} are "
            f"written so that the column is text: {shown}"
        )
        evidence = {"numbers": column.numbers, "odd": column.odd_count, "samples": _ids(column.ids), "split": asked.split}
        advice = f"pandas.to_numeric(df[{column.field!r}].str.replace(',', ''), errors='coerce'), or na_values=… where it is read"
        yield Seen(message, _at(asked, column.field, ""), evidence, severity=WARNING, advice=advice)


def _written(asked: FeatureLook) -> Iterator[Seen]:
    for column in asked.written:
        shown = ", ".join(map(repr, column.examples))
        message = f"all {column.entries:,} sampled entries of {column.field} are numbers written as text, {column.different:,} of them different: {shown}"
        evidence = {"entries": column.entries, "different": column.different}
        severity = WARNING if column.measured and asked.alone else INFO
        advice = f"pandas.to_numeric(df[{column.field!r}]), unless they are codes"
        yield Seen(message, _at(asked, column.field, ""), evidence, severity=severity, advice=advice)


def _rows_and_names(asked: FeatureLook) -> Iterator[Seen]:
    if asked.headers:
        several = len(asked.headers) > 1
        message = f"{len(asked.headers)} sampled row{'s hold' if several else ' holds'} the names of the columns: a header amid the data"
        evidence = {"rows": len(asked.headers), "samples": _ids(asked.headers), "split": asked.split}
        where = Location(detail=f"{asked.split} sample {asked.headers[0]}")
        yield Seen(message, where, evidence, advice="were several files written one after the other? drop these rows, and read the columns as numbers again")
    if asked.renamed:
        message = f"{len(asked.renamed)} column{'s have' if len(asked.renamed) > 1 else ' has'} the name of another: {_listed(list(asked.renamed))}"
        where = Location(detail=f"{asked.split} {asked.renamed[0]}")
        yield Seen(message, where, {"columns": len(asked.renamed)}, advice="give each column a name of its own: df['name'] gives both")
    for column in [column for column in asked.looks if column.is_row_number and asked.frame]:
        message = f"{place(column.field, column.name)} only counts the rows, from {column.low:.0f} to {column.high:.0f}"
        yield Seen(message, _at(asked, column.field, column.name), advice="leave it out of the inputs; read_csv(…, index_col=0) takes it for the index")


def _missing(asked: FeatureLook) -> Iterator[Seen]:
    gone = [column for column in asked.looks if column.missing] if asked.frame else []
    for column in gone[:NAMED]:
        if column.missing == column.count >= FEWEST:
            message = f"{place(column.field, column.name)} holds nothing: all {column.count:,} values are missing"
            yield Seen(message, _at(asked, column.field, column.name), severity=WARNING, advice="drop the column, or look where it got lost")
    partly = sorted((column for column in gone if column.missing < column.count), key=lambda column: -column.missing / column.count)
    if partly:
        shown = ", ".join(f"{column.name} {column.missing / column.count:.1%}" for column in partly[:NAMED])
        message = f"{len(partly)} column{'s have' if len(partly) > 1 else ' has'} missing values: {shown}{', …' if len(partly) > NAMED else ''}"
        worst = partly[0]
        evidence = {"columns": len(partly), "share": worst.missing / worst.count}
        yield Seen(message, _at(asked, worst.field, worst.name), evidence, advice="fill with the median, and tell so in a column of its own")


def _worth_knowing(look: DataLook, asked: FeatureLook) -> Iterator[Seen]:
    fields = {column.field for column in asked.looks if not column.constant}
    told = asked.samples >= FEWEST
    constant = [column for column in asked.looks if column.constant and told and (asked.frame or column.field in fields)]
    if constant and (asked.frame or len(constant) > MANY * asked.columns):  # of pixels in a row some are dark in every picture
        shown = _listed([place(column.field, column.name) for column in constant])
        message = f"{len(constant)} of {asked.columns:,} columns ha{'ve' if len(constant) > 1 else 's'} a single value: {shown}"
        advice = "they teach nothing: drop them" if len(constant) > 1 else "it teaches nothing: drop it"
        lost = _is_lost(look, asked, constant)
        if lost:
            message += "; those that vary are measured: what the others held was lost on the way"
            advice = "look where they become numbers: text that is none turns into missing values, and these are filled with one number"
        yield Seen(message, _at(asked, constant[0].field, constant[0].name), {"constant": len(constant)}, severity=WARNING if lost else INFO, advice=advice)
    far = [column for column in asked.looks if column.outliers is not None and column.sentinel is None and column.outliers.far_share >= FAR_OUT]
    if far:
        worst = max(far, key=lambda column: column.outliers.far_share)
        sample, value = worst.outliers.extremes[0]
        message = (
            f"{len(far)} column{'s have' if len(far) > 1 else ' has'} outliers; {worst.outliers.far_share:.1%} of {place(worst.field, worst.name)} "
            f"lie beyond three interquartile ranges, the farthest {value:.4g} (sample {sample})"
        )
        evidence = {"share": worst.outliers.far_share, "samples": _ids(tuple(i for i, _ in worst.outliers.extremes)), "split": asked.split}
        yield Seen(message, _at(asked, worst.field, worst.name), evidence, advice="mistakes? else clip them, or take a loss that they rule less")
    copies = [pair for pair in asked.pairs if pair.how != "correlated"]
    if copies:
        first = copies[0]
        others = len(copies) - 1
        more = f"; {others} other column{'s repeat' if others > 1 else ' repeats'} one, too" if others else ""
        message = f"{first.other} {SAME[first.how].format(first.one)}{more}"
        yield Seen(message, Location(detail=f"{asked.split} {first.other}"), {"copies": len(copies)}, advice="one of them is enough")


def _is_lost(look: DataLook, asked: FeatureLook, constant: list[ColumnLook]) -> bool:
    """Whether most columns of a table of measured ones hold a single value, and not those at its end, as where rows are filled up to one length."""
    field = constant[0].field
    mine = [column for column in asked.looks if column.field == field]
    vary = [column for column in mine if not column.constant]
    places = [place for place, column in enumerate(mine) if column.constant]
    at_end = places == list(range(len(mine) - len(places), len(mine)))
    measured = bool(vary) and all(column.distinct >= MEASURED * column.count for column in vary)
    return LOST[0] <= len(places) >= LOST[1] * len(mine) and len(mine) == asked.columns and not at_end and measured and _comes_in(look, asked, field)


def _skewed(asked: FeatureLook) -> Iterator[Seen]:
    if asked.transforms:
        worst = asked.transforms[0]
        message = (
            f"{len(asked.transforms)} skewed column{'s ask' if len(asked.transforms) > 1 else ' asks'} for a transform; the most skewed, "
            f"{worst.place}, has {worst.before:.2f}, and {worst.after:.2f} after {worst.name}"
        )
        evidence = {"before": worst.before, "after": worst.after, "columns": len(asked.transforms)}
        yield Seen(message, Location(detail=f"{asked.split} {worst.place}"), evidence, advice=f"{worst.code}, the same in training and in use")

@data_audit.check("ND116", "target leak", severity=WARNING, advice="is this known when the model will be used? else drop it")
def target_leak(look: DataLook) -> Iterator[Seen]:
    """One input gives the target away: a copy of it in another dress.

    Wrong: the model learns to read the answer off; the validation loss is splendid, and the model useless where the answer
        is not known yet.
    Seen: a relation that is exact in every sampled row: one value for each class, missing in all of one class and only there, the
        target times a number, its logarithm, its rounding; pixels that are the same all over a class; a token that all
        of a class have and no other. It is an alarm only when all other columns together (the better of a ridge and the
        nearest neighbours, each row predicted from the others) know more of the target than of permuted ones, but not
        nearly all: else one column may be all there is to learn, or one of many good ones. A column that predicts almost
        perfectly without such a relation is worth knowing, and so is one that the model is not given.
    Where: the loader and the column, the region of the image, the token.
    Try: drop the column, or ask when it is written: before or after the target is known.
    Bad:
        inputs[:, 0] = targets / 9
        train_loader = DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)
    Good:
        inputs[:, 0] = targets.roll(1) / 9
        train_loader = DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)
    Source: Kaufman et al., Leakage in Data Mining (2012); the experiment is ours.
    """
    asked: FeatureLook = look.answer("features")
    if asked.unpredicted:
        raise NotChecked(asked.unpredicted)
    for leak in (*asked.leaks, *asked.strong[:1]):
        measure = "balanced accuracy above chance" if leak.classes else "R²"
        beside = f"all others together reach {leak.rest:.2f} ({measure}; {leak.chance:.2f} for permuted targets)"
        if leak.kin:
            beside = f"without {_listed(list(leak.kin))}, which go{'es' * (len(leak.kin) == 1)} with it, {beside}"
        if leak.runner_up and leak.runner_up_power > leak.chance:
            beside += f", the next best alone, {leak.runner_up}, {leak.runner_up_power:.2f}"
        message = f"{place(leak.field, leak.column)} {leak.sentence}, in all {leak.rows:,} rows that were tried; {beside}"
        if leak.how == "strong":
            message = f"{place(leak.field, leak.column)} alone reaches {leak.power:.2f}; {beside}"
        evidence = {"power": leak.power, "rest": leak.rest, "chance": leak.chance, "relation": leak.how, "rows": leak.rows}
        kept = _is_kept_from_the_model(look, leak.field)
        if kept and leak.how == "strong":
            continue
        advice = "nothing, as long as the model is not given it" if kept else None
        yield Seen(message, _at(asked, leak.field, leak.column), evidence, severity=None if leak.certain and not kept else INFO, advice=advice)


def _is_kept_from_the_model(look: DataLook, name: str) -> bool:
    """Whether no part of the model is given it, or all that the first layers get is known, and these numbers are not among it: a reward, a weight, a time of the loss."""
    if name in {_plain(withheld) for withheld in look.train.withheld}:
        return True
    received = _received(look)
    floats = {_plain(field.name) for field in look.train.fields if "float" in field.dtype}
    return bool(received) and "" not in received and name in floats - received


def _received(look: DataLook) -> set[str]:
    """The fields that the first layers get, by the names that the pass gives them: of a batch that a `batch_loss` takes apart, its keys."""
    return {_plain(layer.field) for layer in look.layers}


def _plain(name: str) -> str:
    return re.sub(r"^batch\['(.+)'\]$", r"\1", name)


def _at(asked: FeatureLook, field: str, column: str) -> Location:
    return Location(detail=f"{asked.split} {place(field, column)}")


def _ids(ids: tuple[int, ...]) -> str:
    return ",".join(map(str, ids[:24]))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
