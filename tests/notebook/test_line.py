"""The words of a `%nbdebug` line, and options made from a function's signature."""

from __future__ import annotations

from typing import Literal

import pytest
from IPython.core.error import UsageError

from nbdebug.notebook.line import read_line, words_of
from nbdebug.notebook.options import described_arguments, options_of
from nbdebug.notebook.verbs import verb_named


def measure(
    setup, *, steps: int = 100, factor: float = 1.5, norm: Literal["l1", "l2"] = "l2", sizes: tuple[int, ...] = (1, 10),
    span: tuple[float, float] = (0.0, 1.0), shuffle: bool = True, seed: int | None = None, budget: float | str | None = "20 s",
):  # fmt: skip
    """Measures.

    Args:
        setup: the training.
        steps: how many updates; more are
            slower.
        norm: of the gradient.

    Returns:
        Nothing.
    """


OPTIONS = options_of(measure)


@pytest.mark.parametrize("verb", ["loader_audit", "data_audit", "show_batch", "checkup", "overfit"])
def test_every_measuring_verb_takes_the_budget_as_it_is_documented(verb):
    known = verb_named(verb).options
    assert read_line(words_of('--budget "20 s"'), known).options == {"budget": "20 s"}
    assert read_line(words_of("--budget 20"), known).options == {"budget": "20"}
    assert read_line(words_of("--budget none"), known).options == {"budget": None}


def options(line: str) -> dict:
    return read_line(words_of(line), OPTIONS).options


def refusal(line: str) -> str:
    with pytest.raises(UsageError) as error:
        read_line(words_of(line), OPTIONS)
    return str(error.value)


@pytest.mark.parametrize(
    "line, given",
    [
        ("", {}),
        ("--steps 5", {"steps": 5}),
        ("--steps=5 --factor 2", {"steps": 5, "factor": 2.0}),
        ("--norm l1", {"norm": "l1"}),
        ("--sizes 1 5 25 --steps 3", {"sizes": (1, 5, 25), "steps": 3}),
        ("--span 0.5 2", {"span": (0.5, 2.0)}),
        ("--no-shuffle", {"shuffle": False}),
        ("--shuffle", {"shuffle": True}),
        ("--seed none", {"seed": None}),
        ("--seed 7", {"seed": 7}),
        ('--budget "20 s"', {"budget": "20 s"}),
        ("--budget='2 min'", {"budget": "2 min"}),
        ("--budget 20", {"budget": "20"}),
        ("budget='20 s' steps=4", {"budget": "20 s", "steps": 4}),
    ],
)
def test_options_have_the_types_of_the_signature(line, given):
    assert options(line) == given


@pytest.mark.parametrize(
    "line, message",
    [
        ("--step 5", "there is no option --step: did you mean --steps?"),
        ("--steps five", "--steps takes a whole number, got 'five'"),
        ("--steps", "--steps takes 1 value, got none"),
        ("--span 1", "--span takes 2 values, got 1"),
        ("--norm l3", "--norm is one of l1, l2, got 'l3'"),
        ("--shuffle=yes", "--shuffle takes no value: write --shuffle | --no-shuffle"),
        ("modell=net", "modell= is no part of a setup: did you mean model?"),
        ("model= net", "model= wants the name of a variable right after it, without a blank"),
    ],
)
def test_a_wrong_line_is_told_in_one_sentence(line, message):
    assert refusal(line) == message


def test_roles_options_and_other_words_are_told_apart():
    said = read_line(words_of("ND401 model=net --sizes 1 2 train_loader=loaders['a b'] optimizer=(a, b) --steps 3"), OPTIONS)
    assert said.roles == {"model": "net", "train_loader": "loaders['a b']", "optimizer": "(a, b)"}
    assert said.options == {"sizes": (1, 2), "steps": 3}
    assert said.rest == ["ND401"]


def test_an_open_quote_is_told():
    with pytest.raises(UsageError, match="a quote or a bracket is not closed"):
        words_of('--budget "20 s')


def test_the_docstring_tells_what_an_option_is_for():
    told = described_arguments(measure)
    assert told["steps"] == "how many updates; more are slower."
    assert told["norm"] == "of the gradient."
    assert {option.name: option.help for option in OPTIONS}["norm"] == "of the gradient."


def test_the_fields_own_letter_is_understood():
    from nbdebug.instruments import overfit

    assert read_line(["-n", "1", "10"], options_of(overfit.measure)).options == {"samples": (1, 10)}
