"""A loss over quantities beside one over classes: which of them has a say."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import nbdebug
from nbdebug.findings import INFO
from tests.patients.parts import quantities, training


class TwoHeads(nn.Module):
    """A class and a distance from the same trunk."""

    def __init__(self):
        super().__init__()
        self.trunk, self.kind, self.far = nn.Sequential(nn.Linear(16, 64), nn.ReLU()), nn.Linear(64, 2), nn.Linear(64, 1)

    def forward(self, x):
        shared = self.trunk(x)
        return self.kind(shared), self.far(shared).squeeze(1)


def alarms(scale: float, weight: float = 1.0) -> list[tuple[str, str]]:
    """Codes and messages of the alarms; Adam with a large rate gets to the targets in time."""
    torch.manual_seed(0)
    inputs, distance = quantities()

    def batch_loss(setup, batch):
        rows, kind, far = batch
        kinds, made = setup.model(rows)
        return nn.functional.cross_entropy(kinds, kind) + weight * nn.functional.mse_loss(made, far)

    model = TwoHeads()
    data = (inputs, (inputs[:, 3] > 0).long(), scale * distance)
    setup = training(model, data=data, batch_loss=batch_loss, optimizer=torch.optim.Adam(model.parameters(), lr=0.5))
    return [(finding.code, finding.message) for finding in nbdebug.data_audit(setup).findings if finding.severity is not INFO]


def test_a_distance_in_millimetres_drowns_the_classes() -> None:
    ((code, message),) = alarms(5000)
    assert code == "ND112"
    assert "no say" in message


@pytest.mark.parametrize(("scale", "weight"), [(1, 1.0), (40, 1e-2), (5000, 1e-7)])
def test_losses_that_are_weighed_are_left_alone(scale: float, weight: float) -> None:
    assert alarms(scale, weight) == []
