"""The conda environment and the lock say the same as pyproject.toml."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import rattler
import yaml
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # comes with pytest on Python 3.10

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {  # where conda-forge names a package differently
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",
    "playwright": "playwright-python",
}
APART = {"ray"}  # extras of some hundred megabytes: neither the tests nor the conda environment bring them
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["optional-dependencies"]


def of_others(lines: list[str]) -> list[Requirement]:
    return [requirement for line in lines if (requirement := Requirement(line)).name != PROJECT["name"]]


LARGE = of_others([line for name in APART for line in EXTRAS[name]])
REQUIREMENTS = of_others([*PROJECT["dependencies"], *(line for name, lines in EXTRAS.items() if name not in APART for line in lines)])


def conda_specs() -> dict[str, str]:
    """Name → version range of all conda packages in environment.yml, read as conda reads them."""
    specs = [rattler.MatchSpec(line, strict=True) for line in ENVIRONMENT["dependencies"] if isinstance(line, str)]
    return {spec.name.normalized: str(spec.version or "") for spec in specs}


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_conda_has_every_dependency_in_the_same_range(requirement: Requirement) -> None:
    name = CONDA_NAMES.get(requirement.name, requirement.name).lower()
    assert conda_specs().get(name) == str(requirement.specifier)


@pytest.mark.parametrize("requirement", LARGE, ids=lambda requirement: requirement.name)
def test_what_is_large_comes_only_when_asked_for(requirement: Requirement) -> None:
    own = [wanted for line in [*PROJECT["dependencies"], *EXTRAS["test"]] if (wanted := Requirement(line)).name == PROJECT["name"]]
    assert own and not any(wanted.extras & APART for wanted in own)
    assert not [name for name in conda_specs() if name.split("-")[0] == requirement.name]


def test_conda_has_the_same_python() -> None:
    assert conda_specs()["python"] == PROJECT["requires-python"]


def test_environment_has_only_keys_that_conda_knows() -> None:
    assert set(ENVIRONMENT) <= {"name", "channels", "dependencies", "prefix", "variables", "platforms"}
    assert [line for line in ENVIRONMENT["dependencies"] if not isinstance(line, str)] == [{"pip": ["-e ."]}]


@pytest.mark.parametrize("bad", ["pytorch >>2", "pytorch=2.13.0=", "numpy >=1.26 py311 extra words"])
def test_a_bad_spec_is_rejected(bad: str) -> None:
    with pytest.raises(Exception, match="unable to parse version spec|the build string .* is not valid"):
        rattler.MatchSpec(bad, strict=True)


def test_the_lock_leaves_torch_to_the_user() -> None:
    assert not [line for line in lock() if re.match(r"(torch|nvidia|triton)\b", line)]


def test_the_lock_pins_every_other_dependency_within_its_range() -> None:
    pinned = dict(line.split("==") for line in lock())
    for requirement in [*REQUIREMENTS, *LARGE]:
        if requirement.name != "torch":
            assert requirement.specifier.contains(pinned[requirement.name]), requirement


def lock() -> list[str]:
    return (ROOT / "constraints" / "py311.txt").read_text(encoding="utf-8").split()
