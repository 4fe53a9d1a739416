"""Reports as files, and the bundle a front end chooses from."""

import json

import pytest

from nbdebug.errors import NbdebugError
from nbdebug.render import mimebundle, save
from tests.render import sample_pages as pages


def test_the_bundle_has_text_and_html():
    bundle = mimebundle(pages.RICH)
    assert list(bundle) == ["text/plain", "text/html"]
    assert bundle["text/html"].startswith('<div class="nbd ')


@pytest.mark.parametrize("page", pages.ALL.values())
def test_every_page_is_saved_in_every_form(page, tmp_path):
    data = {"name": pages.HOSTILE, "value": 1.5}
    for name in ("r.html", "r.txt", "r.JSON"):
        assert save(page, data, tmp_path / name) == str(tmp_path / name)
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert json.loads((tmp_path / "r.JSON").read_text(encoding="utf-8")) == data


def test_another_ending_is_named_with_those_that_work(tmp_path):
    with pytest.raises(NbdebugError, match=r"\.html, \.txt or \.json, got .*r\.pdf"):
        save(pages.EMPTY, {}, str(tmp_path / "r.pdf"))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_said_in_a_sentence(tmp_path):
    with pytest.raises(NbdebugError, match="cannot write .*: No such file"):
        save(pages.EMPTY, {}, str(tmp_path / "nowhere" / "r.txt"))
