"""Running again what raised, under watch, and with one thing mended: the proof of a mend is that the step then runs."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nbdebug.batch import map_tensors, tensors
from nbdebug.crash.lending import Raised, Repair, StepReached, Watching, lend
from nbdebug.crash.sandbox import LARGEST, Steps, TooLarge, twin
from nbdebug.crash.scene import Running, Scene, Stop, origin_of
from nbdebug.crash.source import Source
from nbdebug.errors import SetupError, first_line, said
from nbdebug.listening import Tape
from nbdebug.source_lines import is_users
from nbdebug.untouched import untouched

SECONDS = 8.0  # for all tries together; our choice: a report should come while one still looks at the traceback
ALWAYS = 3  # tries that are made in any case: the first may have to import much of torch

OURSELVES = str(Path(__file__).parent.parent)  # a watch stands between the user's line and the module


@dataclass
class Rerun:
    """What was run again, and what it showed."""

    what: str  # in words
    run: Callable[[], Any]
    scene: Scene
    raised: Raised | None
    tape: Tape
    steps: Steps | None = None
    seconds: float = 0.0
    spent: float = 0.0  # on tries so far
    tries: int = 0
    borrowed: untouched | None = None
    stands_for: dict[int, Tensor] = field(default_factory=dict)  # id of a copy → the user's tensor, when they were copied one by one

    def attempt(self, repair: Repair) -> str:
        """What comes of running it with the call that raised mended: "works: …", "gets further: …", or "" for no."""
        if self.tries >= ALWAYS and self.spent + self.seconds > SECONDS:
            return f"not tried: the {SECONDS:g} s for it are over, and a run takes {self.seconds:.1f} s"
        mended: list[bool] = []

        def noted(call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            output = repair(call, args, kwargs)
            mended.append(True)
            return output

        return self._outcome(lambda: _mended(self.raised, noted), mended)

    def attempt_edited(self, code: str) -> str:
        """What comes of running it with the statement that raised exchanged for a line of text."""
        if self.steps is None or not self.steps.statements or not code:
            return "not tried"
        return self._outcome(lambda: self.steps.edited(code), [])

    def _outcome(self, changed: Callable[[], contextlib.AbstractContextManager[None]], mended: list[bool]) -> str:
        started = time.perf_counter()
        try:
            return self._run(changed, mended)
        finally:
            self.spent, self.tries = self.spent + time.perf_counter() - started, self.tries + 1

    def _run(self, changed: Callable[[], contextlib.AbstractContextManager[None]], mended: list[bool]) -> str:
        try:
            with changed():
                self.run()
        except TooLarge:
            return "not tried: too large to copy"
        except StepReached:
            return "works: tried on copies, forward, loss and backward run"
        except Exception as error:
            further = mended or (self.steps is not None and self.steps.done > 0)
            return f"gets further, then {type(error).__name__}: {first_line(error)[:120]}" if further else ""
        if self.steps is not None and self.steps.is_backward():
            return "works: tried on copies, forward, loss and backward run"
        return f"works: tried on copies, {self.what} runs"


@contextlib.contextmanager
def reruns(scene: Scene, again: Callable[[], Any] | None = None) -> Iterator[Rerun | None]:
    """The widest run that raises the same once more, with everything lent meanwhile; None when there is none."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.enable_grad() if torch.is_grad_enabled() else torch.no_grad())
        for what, run, modules, steps in _units(scene, again):
            lent = contextlib.ExitStack()
            try:
                borrowed = lend(lent, modules, steps)
                found = _same_again(scene, what, run, modules, steps)
            except (SetupError, TooLarge):
                found = None
            if found is not None:
                stack.push(lent)
                found.borrowed = borrowed
                yield found
                return
            lent.close()
        yield None


def _units(scene: Scene, again: Callable[[], Any] | None) -> Iterator[tuple[str, Callable[[], Any], list[nn.Module], Steps | None]]:
    """What may be run again, the widest first."""
    outermost = scene.outermost
    if again is not None:
        yield "the step", again, [outermost.module] if outermost else [], None
    at = _caller(scene, outermost) if outermost is not None else scene.users()
    if outermost is None and at is not None and again is None and scene.phase() == "backward":
        steps = Steps(Source(at), whole=True, cut="does not require grad" in scene.message)
        yield "the step", steps, steps.modules(), steps
    if outermost is not None and at is not None and again is None:
        steps = Steps(Source(at))
        if steps.statements:
            yield "the step from there on", steps, [*steps.modules(), outermost.module], steps
    if outermost is not None:
        yield f"the call of {type(outermost.module).__name__}", _call(outermost), [outermost.module], None
    elif (users := scene.users()) is not None:
        for stop, what in ((scene.making_a_loss(), "the step from there on"), (users, "the statement")):
            steps = Steps(Source(stop)) if stop is not None else None
            if steps is not None and steps.statements:
                yield what, steps, steps.modules(), steps


def _caller(scene: Scene, running: Running) -> Stop | None:
    """The user's stop that called a module, with nothing but torch between them."""
    for stop in reversed(scene.stops[: running.caller + 1]):
        if is_users(stop.frame.f_code):
            return stop
        if "/torch/" not in stop.file.replace("\\", "/") and not stop.file.startswith(OURSELVES):  # a trainer of a library: its line may run a whole training
            return None
    return None


def _call(running: Running) -> Callable[[], Any]:
    """The module called as it was, on copies of its arguments."""
    module = getattr(running.module, "_orig_mod", running.module)

    def call() -> Any:
        lent: dict[int, Tensor] = {}
        room = [LARGEST]
        args, kwargs = map_tensors(lambda tensor: twin(tensor, lent, room), (running.args, running.kwargs))
        stands_for.update((id(lent[id(t)]), t) for _, t in tensors((running.args, running.kwargs)) if id(t) in lent)
        alive.append(lent)
        return module(*args, **kwargs)

    alive: list[Any] = []  # so that no id is used twice
    stands_for: dict[int, Tensor] = {}
    call.stands_for = stands_for  # type: ignore[attr-defined]
    return call


def _same_again(scene: Scene, what: str, run: Callable[[], Any], modules: list[nn.Module], steps: Steps | None) -> Rerun | None:
    root = scene.outermost.module if scene.outermost else modules[0] if modules else nn.Identity()
    started = time.perf_counter()
    try:
        with Watching() as watching, Tape(getattr(root, "_orig_mod", root)) as tape:
            run()
    except StepReached:
        return None
    except TooLarge:
        raise
    except Exception as error:
        seconds = time.perf_counter() - started
        error = origin_of(error)
        if not _is_same(error, scene.error):
            return None
        then = Scene(error)
        stands_for = getattr(run, "stands_for", {})
        return Rerun(what, run, then, _raised(then, watching), tape, steps, seconds, stands_for=stands_for)
    return None


def _is_same(error: BaseException, first: BaseException) -> bool:
    if type(first).__module__.startswith("torch._dynamo"):  # a compiled model; the rerun is eager, and says it better
        return "/torch/" in Scene(error).stops[-1].file or Scene(error).innermost is not None
    return type(error) is type(first) and said(error)[:60] == said(first)[:60]


def _raised(scene: Scene, watching: Watching) -> Raised | None:
    """The torch function whose error it was; or the module that refused what it was given."""
    if watching.raised is not None and origin_of(watching.error) is scene.error:
        return watching.raised
    inner = scene.innermost
    if inner is None or not type(inner.module).__module__.startswith("torch.nn"):
        return None
    return Raised(inner.module.forward, type(inner.module).__name__, inner.args, inner.kwargs, inner.module)


@contextlib.contextmanager
def _mended(raised: Raised | None, repair: Repair) -> Iterator[None]:
    if raised is None:
        raise SetupError("what raised is not known")
    if raised.module is None:
        with Watching(raised.function, repair):
            yield
        return
    kind = next(c for c in type(raised.module).__mro__ if "forward" in c.__dict__)  # the class: a rerun may build the layer anew
    forward = kind.forward

    def mended(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        try:
            return forward(module, *args, **kwargs)
        except Exception:
            return repair(functools.partial(forward, module), args, kwargs)

    kind.forward = mended  # type: ignore[method-assign]
    try:
        yield
    finally:
        kind.forward = forward  # type: ignore[method-assign]
