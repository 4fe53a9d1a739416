"""Does the mend, as it stands in the report, make the patient run? Its code is put into the patient's own text, and that is run."""

from __future__ import annotations

import inspect
import re
import textwrap

import torch

from nbdebug.crash import Mend
from tests.crash import CrashPatient

BUILDS = re.compile(r"((?:self\.)?\w+)( = nn\.\w+\(.*)")


def applied(patient: CrashPatient, mend: Mend) -> str:
    """"runs", "raises …", or "no line" when the code is no line that could be put anywhere."""
    lines, _ = inspect.getsourcelines(patient.run)
    start = next(i for i, line in enumerate(lines) if line.startswith("def "))
    body = [line.rstrip("\n") for line in lines[start:]]
    changed = _with_code(body, mend.code)
    if changed is None:
        return "no line"
    space = dict(inspect.getmodule(patient.run).__dict__)
    torch.manual_seed(0)
    try:
        exec(compile("\n".join(changed), f"<{patient.name} mended>", "exec"), space)
        space[patient.name](True)
    except Exception as error:
        return f"raises {type(error).__name__}: {error}"
    return "runs"


def _with_code(body: list[str], code: str) -> list[str] | None:
    guilty = next((i for i, line in enumerate(body) if line.endswith("# guilty")), None)
    if not code or guilty is None or "..." in code or "# after" in code:
        return None
    built = BUILDS.fullmatch(code.partition("  #")[0])
    at = [i for i, line in enumerate(body) if built is not None and line.strip().startswith(f"{built[1]} = ")]
    if built is not None:  # the line that builds the layer is another one
        return _replaced(body, at[0], code) if len(at) == 1 else None
    part = re.match(r"(\w+)(?:\[\d+\]|\.\w+)+( = nn\.|\.\w+\(\)$)", code)
    if part is not None:  # a part of a model: behind the line that builds it
        made = [i for i, line in enumerate(body) if line.strip().startswith(f"{part[1]} = ")]
        return _replaced(body, made[0], body[made[0]].strip() + "\n" + code) if made else None
    call = re.match(r"\w+\.backward\(", code)
    if call is not None:  # the other backward()
        at = [i for i, line in enumerate(body) if line.strip().startswith(call[0])]
        return _replaced(body, at[0], code) if at else None
    cut = re.match(r"(\w+) = \1\.detach", code)
    if cut is not None:
        return _replaced(body, guilty, body[guilty].strip() + "\n" + code)
    return _replaced(body, guilty, code)


def _replaced(body: list[str], index: int, code: str) -> list[str]:
    indent = body[index][: len(body[index]) - len(body[index].lstrip())]
    return [*body[:index], *[indent + line for line in textwrap.dedent(code).splitlines()], *body[index + 1 :]]
