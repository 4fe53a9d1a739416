"""Tab on a `%nbdebug` line, asked of a real kernel."""

from __future__ import annotations

import pytest

from tests.notebook.conftest import Kernel

VARIABLES = """
from torch.utils.data import DataLoader
net, neck = nn.Linear(3, 2), nn.Linear(2, 2)
number = 3
criterion = nn.CrossEntropyLoss()
opt = torch.optim.SGD(net.parameters(), 0.1)
train_dl, valid_dl = DataLoader([1, 2]), DataLoader([3])
"""


@pytest.fixture(scope="module")
def notebook(kernel: Kernel) -> Kernel:
    assert kernel.run("%reset -sf\nimport torch, nbdebug\nfrom torch import nn\n" + VARIABLES).status == "ok"
    return kernel


@pytest.mark.parametrize(
    "line, completed",
    [
        ("%nbdebug che", ["%nbdebug checkup"]),
        ("report = %nbdebug che", ["report = %nbdebug checkup"]),
        ("x = 1\n%nbdebug che", ["x = 1\n%nbdebug checkup"]),
        ("%nbdebug checkup --", ["%nbdebug checkup --budget"]),
        ("%nbdebug setup --precision bf16-", ["%nbdebug setup --precision bf16-mixed", "%nbdebug setup --precision bf16-true"]),
        ("%nbdebug setup mo", ["%nbdebug setup model="]),
        ("%nbdebug setup model=ne", ["%nbdebug setup model=neck", "%nbdebug setup model=net"]),
        ("%nbdebug checkup loss_fn=", ["%nbdebug checkup loss_fn=criterion"]),
        ("%nbdebug checkup model=net optimizer=", ["%nbdebug checkup model=net optimizer=opt"]),
        ("%nbdebug checkup val_loader=", ["%nbdebug checkup val_loader=train_dl", "%nbdebug checkup val_loader=valid_dl"]),
        ("%nbdebug explain ND401", ["%nbdebug explain ND401"]),
    ],
)
def test_what_fits_is_offered_and_nothing_else(notebook, line, completed):
    assert sorted(notebook.complete(line)) == completed


def test_all_verbs_are_offered(notebook):
    offered = notebook.complete("%nbdebug ")
    assert {"%nbdebug setup", "%nbdebug checkup", "%nbdebug first_step", "%nbdebug explain", "%nbdebug codes"} <= set(offered)
    assert "%nbdebug range" not in offered


def test_a_role_that_is_said_is_not_offered_again(notebook):
    offered = notebook.complete("%nbdebug checkup model=net ")
    assert "%nbdebug checkup model=net loss_fn=" in offered
    assert "%nbdebug checkup model=net model=" not in offered


def test_other_lines_are_left_to_ipython(notebook):
    assert "number" in notebook.complete("numbe")
