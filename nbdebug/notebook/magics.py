"""The magic `%nbdebug`: reads its line, says the Python call it stands for, and makes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.display import display

import nbdebug
from nbdebug.catalogue import Explanation
from nbdebug.errors import CodeError, SetupError, first_line
from nbdebug.instruments.report import Report, shown_live
from nbdebug.instruments.watch import Watch
from nbdebug.nonfinite.kept.capsule import read
from nbdebug.notebook.data_search import found_data, named_data
from nbdebug.notebook.discovery_page import page_of
from nbdebug.notebook.launched import attached, configured, launched, overrides_of
from nbdebug.notebook.line import Line, read_line, words_of
from nbdebug.notebook.namespace import Discovery, discover
from nbdebug.notebook.options import as_typed
from nbdebug.notebook.over_cell import CELL_VERBS, OVER_A_CELL, OverCell, shown_already
from nbdebug.notebook.search import Search
from nbdebug.notebook.shown_once import ShownOnce
from nbdebug.notebook.variables import look_up
from nbdebug.notebook.verbs import VAL, VARIABLES, Verb, help_of, overview, taught, verb_named, with_two_signs

if TYPE_CHECKING:
    from nbdebug.training import Run

STOPPED = "KeyboardInterrupt: stopped. The report above has what was measured until then."


@magics_class
class NbdebugMagics(Magics):
    """`%nbdebug` for one shell; remembers only names, never what they hold."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self.said: dict[str, str] = {}  # role → variable, from the last `%nbdebug setup`
        self.precision: str | None = None
        self.shown = ShownOnce(shell)
        self.over_cell = OverCell(shell)

    @line_cell_magic
    def nbdebug(self, line: str, cell: str | None = None) -> Report | Watch | Run | None:
        """Finds out why a PyTorch training does not learn.

        %nbdebug                      the verbs, in the order to reach for them
        %nbdebug setup                finds model, loss, optimizer and loaders among your variables
        %nbdebug data                 the data alone or before its model: also %nbdebug data df --target price
        %nbdebug checkup              data, code, numbers, optimisation: what is wrong, where, what to try
        %%nbdebug watch               over a cell that trains: watches its loop, and names the mistakes in it
        %%nbdebug find_nan            over a cell that trains: stops before the first NaN, and names the line it was born in
        %nbdebug launch -n 2          the full run, in processes of its own: also %nbdebug launch -n 2 --config train.yaml epochs=3
        %nbdebug explain ND401        the page of a code
        %nbdebug checkup?             the options of a verb
        """
        words = words_of(line)
        if cell is not None:
            return self._over_a_cell(words, f"%%nbdebug {line}\n{cell}")
        if not words:
            print(overview())
            return None
        begins = words[1:2] == [OVER_A_CELL]
        verb = with_two_signs(verb_named(words[0])) if begins else verb_named(words[0])
        said = self._read(verb, words[2:] if begins else words[1:])
        if said.wants_help:
            print(help_of(verb))
            return None
        if begins:
            self._say([self.over_cell.begin(verb.name, said)])
            return None
        return self._deed(verb)(verb, said)

    def _read(self, verb: Verb, words: list[str]) -> Line:
        try:
            words, overrides = overrides_of(words, verb) if verb.launches else (words, {})
            said = read_line(words, verb.options, verb.roles)
            said.options.update(overrides)
        except UsageError as error:
            raise UsageError(f"%nbdebug {verb.name}: {error}") from None
        surplus = [] if verb.takes in ("roles", "cell") else [f"{role}=" for role in said.roles]
        surplus += said.rest[verb.runs or int(verb.takes in ("code", "history") or verb.file or verb.alone or verb.launches) :]
        if surplus:
            example = ': write --budget "20 s" or model=net' if verb.takes == "roles" else ""
            if verb.alone and surplus[0] in said.rest:
                example = f": what {said.rest[0]} is validated on is written {VAL}={surplus[0]}"
            raise UsageError(f"%nbdebug {verb.name} does not know what to do with {surplus[0]!r}{example}")
        return said

    def _deed(self, verb: Verb) -> Callable[[Verb, Line], Report | Watch | Run | None]:
        named = {
            "setup": self._setup, "watch": self._watch, "why": self._why, "replay": self._replay, "explain": self._explain,
            "codes": self._codes, "fit": self._fit, "launch": self._launch, "attach": self._attach, "runs": self._runs, "compare_runs": self._compare_runs,
        }  # fmt: skip
        return named.get(verb.name, self._measure)

    def _setup(self, verb: Verb, said: Line) -> None:
        precision = said.options.get("precision")
        found = self._discover(verb, said.roles, precision)
        self.said, self.precision = said.roles, precision
        print("\n".join(self._construction(found, "setup")[0]))
        display(Explanation(page_of(found)))

    def _measure(self, verb: Verb, said: Line) -> Report:
        given, lines, arguments = self._given(verb, said)
        options, written = self._options(verb, said)
        print("\n".join([*lines, f"{verb.call}({', '.join([*arguments, *written])})"]))
        try:
            report = shown_live(verb.target.follow(*given, **options))
        except KeyboardInterrupt as interrupt:
            if (partial := getattr(interrupt, "report", None)) is not None:
                self.shown.show(partial)
                interrupt._render_traceback_ = lambda: [STOPPED]  # type: ignore[attr-defined]  # asked by IPython: where it stood is of no interest
            raise  # so that "run all cells" stops too
        self.shown.show(report)
        return report

    def _given(self, verb: Verb, said: Line) -> tuple[list[Any], list[str], list[str]]:
        """What is measured: its values, the lines that make them, and how they are written in the call."""
        roles = {role: text for role, text in said.roles.items() if role != VAL}
        if verb.alone and (said.rest or not (roles or self.said or self._has_a_training())):
            if roles:
                raise UsageError(f"%nbdebug {verb.name}: {next(iter(roles))}= belongs to a training, and {said.rest[0]} is data alone: say one of them")
            return self._data(verb, said)
        found = self._discover(verb, {**self.said, **roles}, self.precision)
        lines, name = self._construction(found, "setup")
        if VAL not in said.roles:
            return [found.setup], lines, [name]
        other = self._asked(verb, lambda: named_data(self.shell.user_ns, said.roles[VAL]))
        return [found.setup, other.value], lines, [name, f"{VAL}={other.text}"]

    def _data(self, verb: Verb, said: Line) -> tuple[list[Any], list[str], list[str]]:
        """Data without a model: what the line names, or what there is."""
        names, val = self.shell.user_ns, said.roles.get(VAL, "")
        if said.rest:
            word = said.rest[0]
            data = self._asked(verb, lambda: named_data(names, word, val, quoted=word in said.quoted))
        else:
            data = self._asked(verb, lambda: found_data(names, taught(verb.name)))
            data = data if not val else self._asked(verb, lambda: dataclasses.replace(named_data(names, data.text, val), value=data.value))
        arguments = [data.text] + [f"{VAL}={data.val_text}"] * (data.val is not None)
        return [data.value, *[data.val] * (data.val is not None)], self._imports(""), arguments

    def _options(self, verb: Verb, said: Line) -> tuple[dict[str, Any], list[str]]:
        """The options, with variables in the place of their names; and how they are written."""
        variables = {name: text for name, text in said.options.items() if name in VARIABLES}
        values = {name: self._asked(verb, lambda text=text: look_up(self.shell.user_ns, text)) for name, text in variables.items()}
        written = [f"{name}={text if name in variables else repr(text)}" for name, text in said.options.items()]
        return {**said.options, **values}, written

    def _has_a_training(self) -> bool:
        """Whether there is a model among the variables that has something to learn from."""
        search = Search(self.shell.user_ns)
        return bool(search.candidates("setup") or (search.candidates("model") and search.candidates("train_loader")))

    def _asked(self, verb: Verb, look: Callable[[], Any]) -> Any:
        try:
            return look()
        except SetupError as error:
            raise UsageError(f"%nbdebug {verb.name}: {as_typed(str(error), verb.options)}") from None

    def _watch(self, verb: Verb, said: Line) -> Watch:
        if said.options or said.roles:
            raise UsageError("%nbdebug watch shows the last watch again and takes no options: they belong over the cell, %%nbdebug watch …")
        watch = self.over_cell.watched.last()
        print("watch.report()")
        self.shown.show(watch.report(), watch)
        return watch

    def _fit(self, verb: Verb, said: Line) -> Report:
        if said.rest:
            history = self._asked(verb, lambda: named_data(self.shell.user_ns, said.rest[0], quoted=said.rest[0] in said.quoted))
            value, text = history.value, history.text
        else:
            value, text = self.over_cell.watched.last(verb.name), "watch"
        options, written = self._options(verb, said)
        report = self._asked(verb, lambda: nbdebug.fit(value, **options))
        self._say([f"nbdebug.fit({', '.join([text, *written])})"])
        self.shown.show(report)
        return report

    def _why(self, verb: Verb, said: Line) -> Report:
        report = nbdebug.why()
        self._say(["nbdebug.why()"])
        self.shown.show(report)
        return report

    def _replay(self, verb: Verb, said: Line) -> Report:
        if not said.rest:
            raise UsageError("%nbdebug replay needs a file, such as %nbdebug replay step-1234.nbd")
        capsule = read(said.rest[0])
        found = self._discover(verb, {**self.said, **said.roles}, self.precision or capsule.autocast)
        lines, name = self._construction(found, "setup")
        print("\n".join([*lines, f"nbdebug.replay({said.rest[0]!r}, {name})"]))
        try:
            report = nbdebug.replay(capsule, found.setup)
        except SetupError as error:
            if "TrainingSetup(scaler=" not in str(error):
                raise
            write = "scaler=None on the line" if "scaler=None" in str(error) else "scaler=name on the line"
            raise UsageError(f"%nbdebug replay: {first_line(error).partition(': pass')[0]}: write {write}") from None
        self.shown.show(report)
        return report

    def _launch(self, verb: Verb, said: Line) -> Run:
        lines, given, arguments = self._trains(verb, said)
        options, written = configured(said.options, self.shell.user_ns)
        print("\n".join([*lines, f"nbdebug.launch({', '.join([*arguments, *written])})"]))
        return launched(given, options)

    def _trains(self, verb: Verb, said: Line) -> tuple[list[str], list[Any], list[str]]:
        """What is to be trained: the lines that make it, its value, and how it is written in the call."""
        if said.rest:
            if said.roles:
                raise UsageError(f"%nbdebug {verb.name}: {next(iter(said.roles))}= belongs to a training that is found, and {said.rest[0]} is one already")
            return self._imports(""), [self._asked(verb, lambda: look_up(self.shell.user_ns, said.rest[0]))], [said.rest[0]]
        if "resume" in said.options and not (said.roles or self.said or self._has_a_training()):
            return self._imports(""), [], []  # what the run trained that is resumed
        found = self._discover(verb, {**self.said, **said.roles}, self.precision)
        lines, name = self._construction(found, "setup")
        return lines, [found.setup], [name]

    def _attach(self, verb: Verb, said: Line) -> Run:
        return self._of_runs("attach", said, attached)

    def _runs(self, verb: Verb, said: Line) -> None:
        display(self._of_runs("runs", said, nbdebug.runs))

    def _compare_runs(self, verb: Verb, said: Line) -> Report:
        if len(said.rest) != verb.runs:
            raise UsageError("%nbdebug compare_runs needs two runs, the good one first: %nbdebug runs lists them")
        report = self._of_runs("compare_runs", said, nbdebug.compare_runs)
        self.shown.show(report)
        return report

    def _of_runs(self, name: str, said: Line, function: Callable[..., Any]) -> Any:
        written = [*map(repr, said.rest), *(f"{option}={value!r}" for option, value in said.options.items())]
        self._say([f"nbdebug.{name}({', '.join(written)})"])
        return function(*said.rest, **said.options)

    def _explain(self, verb: Verb, said: Line) -> None:
        if not said.rest:
            raise UsageError("%nbdebug explain needs a code, such as %nbdebug explain ND401")
        try:
            page = nbdebug.explain(said.rest[0])
        except CodeError as error:
            raise UsageError(f"%nbdebug explain: {error}") from None
        self._say([f"nbdebug.explain({said.rest[0]!r})"])
        display(page)

    def _codes(self, verb: Verb, said: Line) -> None:
        self._say(["nbdebug.codes()"])
        display(nbdebug.codes())

    def _over_a_cell(self, words: list[str], whole: str) -> None:
        """A cell magic that was called as a function, as an exported script does: typed, it is rewritten before."""
        verb = verb_named(words[0]).name if words else "checkup"
        if verb in CELL_VERBS:
            result = self.shell.run_cell(whole)
            if (error := result.error_in_exec or result.error_before_exec) is not None:
                raise shown_already(error)
            return
        raise UsageError(f"%%nbdebug {verb} runs over no cell: write %nbdebug {verb}, with one %, on a line of its own")

    def _discover(self, verb: Verb, roles: dict[str, str], precision: str | None) -> Discovery:
        return self._asked(verb, lambda: discover(self.shell.user_ns, roles, precision=precision))

    def _construction(self, found: Discovery, name: str) -> tuple[list[str], str]:
        """The lines that make the setup in Python, and its name in them."""
        if found.call.isidentifier():  # a TrainingSetup of the user's, as it is
            return self._imports(found.call), found.call
        return [*self._imports(found.call), f"{name} = {found.call}"], name

    def _imports(self, call: str) -> list[str]:
        """What has to be imported before the printed lines can be pasted."""
        needed = ["nbdebug"] + ["dataclasses"] * call.startswith("dataclasses.")
        return [f"import {module}" for module in needed if module not in self.shell.user_ns]

    def _say(self, lines: list[str]) -> None:
        print("\n".join([*self._imports(""), *lines]))
