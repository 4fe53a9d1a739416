"""A box of ipywidgets that asks for the labels of samples, one after the other, and tells at the end who was right."""

from __future__ import annotations

from collections import Counter

import ipywidgets

from nbdebug.page import Exhibit, Panel, Picture, Quiz, Table
from nbdebug.render import html, png
from nbdebug.render.exhibits import gallery_html
from nbdebug.render.html_panels import panel_html
from nbdebug.render.html_tables import escape
from nbdebug.render.numbers import number, shortened

BUTTONS = 16  # choices that each have a button; more stand in a list
PICTURE = 240  # px of its longer side
YOU, SKIPPED = "you", "–"
_WIDE = {"max_width": "860px"}


class Asking:
    """The controls of a quiz. They carry the CSS classes `nbd-quiz`, `nbd-asked`, `nbd-choice` (each button), `nbd-choices` (the
    list), `nbd-number`, `nbd-answer`, `nbd-skip`, `nbd-back`, `nbd-again` and `nbd-outcome`."""

    def __init__(self, quiz: Quiz) -> None:
        self._quiz = quiz
        self.given: list[str | float | None] = []  # what was said so far; None for a sample that was skipped
        self.asked, self.outcome = _html("nbd-asked"), _html("nbd-outcome")
        self.buttons = [_button(shortened(choice, 24), "nbd-choice") for choice in quiz.choices[:BUTTONS]] * (len(quiz.choices) <= BUTTONS)
        self.field = self._field()
        self.answer, self.skip = _button("answer", "nbd-answer"), _button("I cannot tell", "nbd-skip")
        self.back, self.again = _button("‹ back", "nbd-back"), _button("begin again", "nbd-again")
        self.box = self._box()
        self._listen()
        self._show()

    def _field(self) -> ipywidgets.Widget | None:
        """What is answered with where there are no buttons."""
        if self.buttons:
            return None
        if not self._quiz.choices:
            return _classed(ipywidgets.FloatText(value=0.0, layout={"width": "12em"}), "nbd-number")
        # numbered, because a list of options needs them all different
        options = [(f"{i + 1}. {shortened(choice, 60)}", choice) for i, choice in enumerate(self._quiz.choices)]
        return _classed(ipywidgets.Dropdown(options=options, layout={"width": "24em"}), "nbd-choices")

    def _box(self) -> ipywidgets.VBox:
        choices = self.buttons if self.field is None else [self.field, self.answer]
        self._choices = ipywidgets.HBox(choices, layout={**_WIDE, "flex_flow": "row wrap"})
        self._turns = ipywidgets.HBox([self.back, self.skip, self.again], layout=_WIDE)
        return _classed(ipywidgets.VBox([self.asked, self._choices, self._turns, self.outcome]), "nbd-quiz")

    def _listen(self) -> None:
        for button, choice in zip(self.buttons, self._quiz.choices, strict=False):
            button.on_click(lambda _, choice=choice: self._say(choice))
        if self.field is not None:
            self.answer.on_click(lambda _: self._say(self.field.value))
        self.skip.on_click(lambda _: self._say(None))
        self.back.on_click(lambda _: self._step_back())
        self.again.on_click(lambda _: self._begin())

    def _say(self, answer: str | float | None) -> None:
        if not self._is_over():
            self.given.append(answer)
            self._show()

    def _step_back(self) -> None:
        if self.given:
            self.given.pop()
            self._show()

    def _begin(self) -> None:
        self.given.clear()
        self._show()

    def _is_over(self) -> bool:
        return len(self.given) >= len(self._quiz.questions)

    def _show(self) -> None:
        """The sample that is asked for, without its truth; when all were, the outcome."""
        over, count = self._is_over(), len(self._quiz.questions)
        self._choices.layout.display = "none" if over else None
        self.skip.disabled, self.back.disabled, self.again.disabled = over, not self.given, not self.given
        if over:
            said = f"You labelled {sum(a is not None for a in self.given)} of {count} samples."
            self.asked.value = html.fragment(f'<p class="nbd-quiet">{escape(said)}</p>')
            self.outcome.value = html.fragment("".join(panel_html(panel, opened=True) for panel in outcome(self._quiz, self.given)))
            return
        wanted = "Which class is it?" if self._quiz.choices else "Which number is it?"
        told = f"And you? Sample {len(self.given) + 1} of {count}, all of them held out. {wanted}"
        self.asked.value = html.fragment(f"<p>{escape(told)}</p>\n{_large(self._quiz.questions[len(self.given)].exhibit)}")
        self.outcome.value = ""


def _large(exhibit: Exhibit) -> str:
    """The exhibit; of a picture so much as can be recognised."""
    if not isinstance(exhibit, Picture) or not exhibit.png:
        return gallery_html([exhibit])
    zoom = max(1, PICTURE // max(exhibit.width, exhibit.height))
    sizes = f'width="{exhibit.width * zoom}" height="{exhibit.height * zoom}"'
    return f'<div class="nbd-gallery"><figure><img class="nbd-large" src="{png.data_uri(exhibit)}" {sizes} alt="the sample"></figure></div>'


def outcome(quiz: Quiz, given: list[str | float | None]) -> list[Panel]:
    """Who was right on the samples that were labelled, what was mistaken for what, and each sample."""
    answered = [(question, answer) for question, answer in zip(quiz.questions, given, strict=True) if answer is not None]
    if not answered:
        return [Table("nobody was asked", ("",), ())]
    said = {YOU: [answer for _, answer in answered]}
    said |= {name: [question.answers[name] for question, _ in answered] for name in quiz.questions[0].answers}
    truth = [question.truth for question, _ in answered]
    panels: list[Panel] = [_scores(quiz, said, truth)]
    if quiz.choices and (confused := _confusions(said, truth)) is not None:
        panels.append(confused)
    return [*panels, _each(quiz, given)]


def _scores(quiz: Quiz, said: dict[str, list[str | float]], truth: list[str | float]) -> Table:
    if quiz.choices:
        rows = tuple((name, sum(a == t for a, t in zip(answers, truth, strict=True)), len(truth)) for name, answers in said.items())
        columns = ("who", "right", "of", "accuracy")
        return Table("you and the others", columns, tuple((*row, f"{row[1] / row[2]:.0%}") for row in rows), "on the samples that you labelled")
    rows = tuple((name, sum(abs(float(a) - float(t)) for a, t in zip(answers, truth, strict=True)) / len(truth)) for name, answers in said.items())
    return Table("you and the others", ("who", "mean distance from the truth"), rows, f"on the {len(truth)} samples that you labelled")


def _confusions(said: dict[str, list[str | float]], truth: list[str | float]) -> Table | None:
    """What was taken for what, by whom; who always says the same confuses nothing."""
    said = {name: answers for name, answers in said.items() if name == YOU or len(set(answers)) > 1}
    mistakes = {name: Counter((str(t), str(a)) for a, t in zip(answers, truth, strict=True) if a != t) for name, answers in said.items()}
    pairs = sorted({pair for counted in mistakes.values() for pair in counted}, key=lambda pair: (-mistakes[YOU][pair], pair))
    rows = tuple((right, wrong, *(counted[right, wrong] for counted in mistakes.values())) for right, wrong in pairs)
    return Table("what was taken for what", ("it is", "taken for", *said), rows) if rows else None


def _each(quiz: Quiz, given: list[str | float | None]) -> Table:
    names = list(quiz.questions[0].answers)
    rows = tuple(
        (i + 1, _written(question.truth), SKIPPED if answer is None else _written(answer), *(_written(question.answers[n]) for n in names))
        for i, (question, answer) in enumerate(zip(quiz.questions, given, strict=True))
    )
    return Table("sample by sample", ("sample", "it is", YOU, *names), rows)


def _written(answer: str | float) -> str:
    return answer if isinstance(answer, str) else number(answer)


def _button(words: str, css_class: str) -> ipywidgets.Button:
    return _classed(ipywidgets.Button(description=words, layout={"width": "auto"}), css_class)


def _html(css_class: str) -> ipywidgets.HTML:
    return _classed(ipywidgets.HTML(), css_class)


def _classed(control: ipywidgets.Widget, name: str) -> ipywidgets.Widget:
    control.add_class(name)
    return control
