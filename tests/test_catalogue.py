"""Every code has one page, and its two examples are what they say they are."""

from __future__ import annotations

import pytest

import nbdebug
from nbdebug.catalogue import HEADINGS, checks_by_code, read_page
from nbdebug.findings import INFO
from nbdebug.instruments import LADDER
from nbdebug.instruments.base import INSTRUMENTS, JUDGED
from nbdebug.instruments.watch import watched as watch_checks
from tests.examples import history_of, run_of, training_of, watched

CODES = [code for code in checks_by_code() if not code.startswith("ND9") or code == "ND900"]
EXAMPLES = {code: read_page(checks_by_code()[code])[1] for code in CODES}


def alarms(code: str, example: str, folder: str) -> set[str]:
    if checks_by_code()[code] in JUDGED["full_run"].checks.values():
        return {finding.code for finding in run_of(example, folder).findings if finding.severity is not INFO}
    if checks_by_code()[code] in JUDGED["fit"].checks.values():  # judged from curves alone
        report = nbdebug.fit(history_of(example))
        return {finding.code for finding in report.findings if finding.severity is not INFO}
    of_a_loop = checks_by_code()[code] in watch_checks.checks.values()
    alone = [i for i in INSTRUMENTS.values() if i not in LADDER and checks_by_code()[code] in i.checks.values()]
    examine = alone[0] if alone else nbdebug.checkup
    report = watched(example) if of_a_loop else examine(training_of(example), budget="60 s")
    if not of_a_loop and any(v.code == code and v.state == "not checked" for v in report.verdicts):  # speed, which no checkup measures
        report = next(i for i in INSTRUMENTS.values() if code in i.checks)(training_of(example), budget="10 s")  # which it spends
    return {finding.code for finding in report.findings if finding.severity is not INFO}


@pytest.mark.parametrize("code", CODES)
def test_the_page_has_every_section(code):
    opening, sections = read_page(checks_by_code()[code])
    assert opening.endswith(".")
    assert list(sections) == list(HEADINGS)


@pytest.mark.parametrize("code", CODES)
def test_the_bad_example_gets_exactly_this_code(code, tmp_path):
    assert alarms(code, EXAMPLES[code]["Bad"], str(tmp_path)) == {code}


@pytest.mark.parametrize("code", CODES)
def test_the_good_example_gets_none(code, tmp_path):
    assert alarms(code, EXAMPLES[code]["Good"], str(tmp_path)) == set()


@pytest.mark.parametrize("code", CODES)
def test_only_one_check_holds_the_page(code):
    pages = [check for judged in JUDGED.values() for c, check in judged.checks.items() if c == code and "Wrong:" in (check.judge.__doc__ or "")]
    assert len(pages) == 1


def test_a_code_is_explained_in_any_case():
    assert str(nbdebug.explain("nd401")) == str(nbdebug.explain("ND401"))
    assert "what to try" in str(nbdebug.explain("ND401"))


def test_an_unknown_code_names_its_neighbours():
    with pytest.raises(nbdebug.CodeError, match="ND401"):
        nbdebug.explain("ND499")
    with pytest.raises(nbdebug.CodeError, match="looks like ND401"):
        nbdebug.explain("softmax")


def test_the_catalogue_lists_every_code():
    listed = nbdebug.codes()._repr_mimebundle_()["text/html"]
    assert all(code in listed for code in CODES)
