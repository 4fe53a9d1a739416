"""The questions of the three levels, and whose checks and panels answer each.

The order is that of Karpathy's recipe (2019): become one with the data, get one step right, look at its numbers, and only then optimise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """One question: what answers it are the verdicts of some codes, and a few panels are its evidence."""

    text: str
    codes: tuple[str, ...]
    panels: tuple[tuple[str, str], ...] = ()  # instrument, and how the title of a panel of its begins ("": any)
    after: str = ""  # the instrument without which there is no answer; "" where any check of the codes is one


@dataclass(frozen=True)
class Level:
    """A rung, with its questions from the bottom up."""

    name: str
    questions: tuple[Question, ...]


LEVELS = (
    Level("code: the data", (
        Question("are the data loaded?", ("ND101", "ND108", "ND109", "ND110", "ND111", "ND117", "ND118", "ND119", "ND810"), (("data_audit", "what was read"), ("data_audit", "samples"), ("loader_audit", ""))),
        Question("do the labels match?", ("ND103", "ND104", "ND113", "ND120"), (("data_audit", "class balance"), ("data_audit", "classes by batch"))),
        Question("is their distribution sound?", ("ND102", "ND106", "ND107", "ND112", "ND114", "ND115"), (("data_audit", "columns"), ("data_audit", "what a sample holds"))),
        Question("does nothing leak?", ("ND105", "ND116", "ND302"), (("data_audit", "what one column alone knows"),)),
    )),
    Level("code: one step", (
        Question("do the shapes fit?", ("ND312", "ND403", "ND301", "ND303", "ND304"), (("first_step", "the step"),)),
        Question("is the model wired as meant?", ("ND201", "ND203", "ND204", "ND205", "ND206", "ND306"), (("first_step", "parameter"),)),
        Question("is the loss sensible?", ("ND305", "ND401", "ND402", "ND404", "ND405", "ND406"), (("first_step", "loss calls"),)),
    )),
    Level("numbers", (
        Question("are activations healthy?", ("ND202", "ND307", "ND308", "ND309"), (("activations", ""),)),
        Question("do the gradients flow?", ("ND501", "ND502", "ND503", "ND504", "ND505"), (("gradients", ""),)),
        Question("do the parameters move?", ("ND601",), (("levels", "one update"),), "levels"),
        Question("does the precision suffice?", ("ND310", "ND311", "ND807"), (("headroom", ""),)),
    )),
    Level("optimisation", (
        Question("can it memorise a few samples?", ("ND701",), (("overfit", ""),)),
        Question("does it beat the simple?", ("ND710",), (("baselines", ""),)),
        Question("is the learning rate right?", ("ND604", "ND605"), (("lr_find", ""), ("what_if", ""))),
        Question("do decay and dropout leave room to learn?", ("ND607", "ND608"), (("what_if", ""),)),
        Question("is the batch size right?", (), (("levels", "the batch"),), "levels"),
        Question("is the device used?", (), (("levels", "where things lie"),), "levels"),
        Question("are the seeds fixed?", (), (("levels", "random numbers"),), "levels"),
        Question("is it deterministic?", ("ND715",), (("determinism", ""),)),
    )),
)  # fmt: skip
