"""Where a step's time and memory go, and what was gained by what."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.page import Panel

NO_TIME = "there was no time: a larger budget= tries it"


@dataclass(frozen=True)
class Phase:
    """A part of the step."""

    name: str
    seconds: float  # the median of the steps
    low: float  # the middle half of them
    high: float


@dataclass(frozen=True)
class Waiting:
    """The loop with its own loader: how long it waits for a batch."""

    seconds: float  # a batch, the mean of the steady steps
    step_seconds: float  # what is done with it
    steps: int
    workers: int
    by: str  # how it was read: "a twin of your loader", "in this process"

    @property
    def share(self) -> float:
        whole = self.seconds + self.step_seconds
        return self.seconds / whole if whole > 0 else 0.0


@dataclass(frozen=True)
class ModuleCost:
    """One module, without the modules in it."""

    path: str  # "" for the model itself
    kind: str
    calls: float  # a step
    forward: float  # seconds a step
    backward: float
    peak: int | None = None  # bytes above what the step began with, at the worst moment while it (and what is in it) runs forward
    allocated: int | None = None  # bytes that were asked for in it alone, forward
    kept: int | None = None  # bytes that it alone keeps for the backward pass

    @property
    def seconds(self) -> float:
        return self.forward + self.backward


@dataclass(frozen=True)
class OperatorCost:
    """One operator, at one line or in one module."""

    operator: str
    way: str  # "forward", "backward" or "update"
    seconds: float  # a step, without the operators in it
    calls: float  # a step
    share: float  # of all operators
    module: str = ""
    file: str = ""
    line: int | None = None
    cell: int | None = None
    text: str = ""  # of the line


@dataclass(frozen=True)
class Halt:
    """A call that makes the program wait for the device."""

    operator: str
    calls: float  # a step
    module: str = ""
    file: str = ""
    line: int | None = None
    cell: int | None = None
    text: str = ""


@dataclass(frozen=True)
class Gain:
    """Something that was changed, beside the step as it is; or why it was not tried."""

    name: str
    why_not: str = ""  # why it was not tried, or failed; the rest is empty then
    ratio: float | None = None  # how many times as fast, a sample; the median of the rounds
    low: float | None = None  # of the rounds
    high: float | None = None
    rounds: int = 0
    noise: float | None = None  # how far the step as it is was from itself within a round, the median
    saved: float = 0.0  # seconds of the user's step
    memory: float | None = None  # peak of the step beside what it was; 0.6 is 40 % less
    memory_saved: int = 0  # bytes
    loss_change: float | None = None  # relative, from the same weights and random numbers
    gradient_change: float | None = None
    kept: bool = False  # whether it is a gain beyond the noise, and the numbers agree
    caution: str = ""
    code: str = ""


@dataclass(frozen=True)
class Profile:
    """Where a step's time and memory go, and the cheapest gains, tried."""

    samples: int | None = None  # in the batch
    device: str = ""
    bare: Phase | None = None  # the step with nothing around it
    phases: tuple[Phase, ...] = ()
    ranged: float | None = None  # how many times as long the step takes with the ranges of all modules around it
    busy: float | None = None  # share of the device's time (CUDA), or of all threads' time (CPU), in which something is computed
    threads: int = 1
    waiting: Waiting | None = None
    peak: int | None = None  # bytes of a step above what is held between steps
    held: int | None = None  # bytes of weights, buffers, optimizer state
    modules: tuple[ModuleCost, ...] = ()  # in the order in which they run
    operators: tuple[OperatorCost, ...] = ()  # dearest first
    halts: tuple[Halt, ...] = ()
    gains: tuple[Gain, ...] = ()
    trace: str = ""  # the file that was written
    notes: tuple[str, ...] = ()

    @property
    def offered(self) -> tuple[Gain, ...]:
        """The two that save most time."""
        kept = (gain for gain in self.gains if gain.kept and (gain.ratio or 0.0) > 1)
        return tuple(sorted(kept, key=lambda gain: -gain.saved))[:2]

    @property
    def lighter(self) -> Gain | None:
        """What saves most memory."""
        return max((gain for gain in self.gains if gain.kept and gain.memory_saved > 0), key=lambda gain: gain.memory_saved, default=None)

    def panels(self) -> tuple[Panel, ...]:
        """Phases, modules, operators, memory, and what was gained."""
        from nbdebug.instruments.profile.panels import panels

        return tuple(panels(self))
