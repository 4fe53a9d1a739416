"""The public names: all there, all documented, and every instrument among them."""

from __future__ import annotations

import pytest

import nbdebug
from nbdebug.instruments.base import INSTRUMENTS

OWN = {"own"}  # reached through nbdebug.check


@pytest.mark.parametrize("name", nbdebug.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name):
    assert (getattr(nbdebug, name).__doc__ or "").strip()


def test_every_instrument_is_public():
    assert set(INSTRUMENTS) - OWN <= set(nbdebug.__all__)


@pytest.mark.parametrize("name", sorted(set(INSTRUMENTS) - OWN))
def test_an_instrument_is_called_by_its_own_name(name):
    assert getattr(nbdebug, name) is INSTRUMENTS[name]


def test_the_version_is_that_of_the_project():
    from importlib.metadata import version

    assert nbdebug.__version__ == version("nbdebug")
