"""What a loop's body reads before it binds it, and which source belongs to a frame."""

from __future__ import annotations

import ast
import linecache
import sys
import textwrap

import pytest

from nbdebug.nonfinite.loop.again import compiled
from nbdebug.nonfinite.loop.source import Loop, Loops, read_first, stored, stored_above, stored_from


def body(source: str) -> list[ast.stmt]:
    return ast.parse(textwrap.dedent(source)).body


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("y = x; z = y", {"x"}),
        ("x = x.to(d)", {"x", "d"}),
        ("total += loss", {"total", "loss"}),
        ("out, h = model(x, h)", {"model", "x", "h"}),
        ("if a:\n    b = 1\nc = b", {"a", "b"}),  # not in any case
        ("with autocast() as w:\n    y = x\nz = y", {"autocast", "x"}),
        ("for i in n:\n    y = i\nz = y", {"n", "y"}),
        ("try:\n    y = 1\nexcept E as e:\n    y = e\nz = y", {"E", "e", "y"}),
        ("def closure():\n    return x\nclosure()", {"x"}),
        ("del loss", set()),
    ],
)
def test_names_that_are_read_before_they_are_bound(source, read):
    assert read_first(body(source)) == read


def test_names_are_bound_above_and_below_a_line():
    statements = body("a = 1\nfor b in a:\n    c = b\nimport d.e as f\ndef g(): h = 1\n")
    assert stored(statements) == {"a", "b", "c", "f", "g"}
    assert stored_above(statements, 3) == {"a", "b"}
    assert stored_from(statements, 3) == {"c", "f", "g"}


def loop_in(source: str, call: str, name: str = "/home/user/loops_file.py") -> Loop | None:
    """The loop around the call of `here()` in this file."""
    text, found, loops = textwrap.dedent(source), [], Loops()
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    variables = {"here": lambda: found.append(loops.around(sys._getframe(1)))}
    exec(compile(text, name, "exec"), variables)
    if call:
        exec(call, variables)
    return found[-1]


def test_the_innermost_loop_is_found_in_a_file_a_function_and_a_comprehension():
    assert loop_in("for i in 'a':\n    for j in 'b':\n        here()", "").node.lineno == 2
    assert loop_in("def f():\n  while True:\n    here()\n    break\n", "f()").node.lineno == 2
    assert loop_in("[here() for i in 'ab' if i]", "").targets == {"i"}
    assert loop_in("here()", "") is None
    assert loop_in("for i in 'a':\n    pass\nelse:\n    here()", "") is None


def test_a_file_that_was_changed_since_is_not_read():
    name, text = "/home/user/changed.py", "def f():\n    for i in 'a':\n        here()\n"
    found, loops = [], Loops()
    variables = {"here": lambda: found.append(loops.around(sys._getframe(1)))}
    exec(compile(text, name, "exec"), variables)
    other = text.replace("'a'", "'b'")
    linecache.cache[name] = (len(other), None, other.replace("here()", "here(); pass; x = 1").splitlines(True), name)
    variables["f"]()
    assert found == [None]


def test_a_body_that_leaves_its_frame_says_where():
    loop = loop_in("def f():\n    for i in 'a':\n        here()\n        yield i\n", "list(f())")
    assert "line 4" in loop.obstacle and "yield" in loop.obstacle
    assert loop_in("for i in 'a':\n    def g():\n        yield i\n    here()", "").obstacle == ""


def test_a_body_runs_at_its_own_lines_and_return_leaves_it():
    source = "class A:\n    def f(self):\n        for i in 'a':\n            here()\n            self.__x = 1\n            return i\nA().f()"
    loop = loop_in(source, "")
    code = compiled(loop, 1)
    assert loop.owner == "A"
    assert {line for *_, line in code.co_lines() if line} >= {5, 6}
    assert "_A__x" in code.co_names
