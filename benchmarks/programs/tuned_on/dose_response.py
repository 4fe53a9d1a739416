"""Fits Hill curves (one per compound) to background-subtracted dose-response plates.

code: ND310
also: ND308, ND504
object: pow | HillCurves | slope
seen: checkup
"""
import torch
from torch import nn

torch.manual_seed(2)
COMPOUNDS = 16
true_ec50 = torch.rand(COMPOUNDS) * 1.5 + 0.3
true_slope = torch.rand(COMPOUNDS) * 1.5 + 0.8


def plate(n):
    c = torch.randint(0, COMPOUNDS, (n,))
    dose = (torch.rand(n) * 3 - 0.2).clamp_min(0.02)
    effect = dose ** true_slope[c] / (dose ** true_slope[c] + true_ec50[c] ** true_slope[c])
    measured_dose = dose - 0.02 + 0.02 * torch.randn(n)
    return list(zip(c, measured_dose, effect + 0.02 * torch.randn(n)))


class HillCurves(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.log_slope = nn.Parameter(torch.zeros(k))
        self.log_ec50 = nn.Parameter(torch.zeros(k))

    def forward(self, compound, dose):
        slope, ec50 = self.log_slope[compound].exp(), self.log_ec50[compound].exp()
        top = dose.pow(slope)  # fault
        # fixed: top = dose.clamp_min(1e-4).pow(slope)
        return top / (top + ec50.pow(slope))  # here


model = HillCurves(COMPOUNDS)
optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
train_loader = torch.utils.data.DataLoader(plate(1024), batch_size=64, shuffle=True)
val_loader = torch.utils.data.DataLoader(plate(256), batch_size=128)


def batch_loss(setup, batch):
    compound, dose, effect = batch
    return torch.nn.functional.mse_loss(setup.model(compound, dose), effect)


def train(epochs=10):
    from types import SimpleNamespace
    here = SimpleNamespace(model=model)
    for e in range(epochs):
        for batch in train_loader:
            loss = batch_loss(here, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            print(e, loss.item(), sum(batch_loss(here, b).item() for b in val_loader) / len(val_loader))
    return loss.item()


if __name__ == "__main__":
    print(train())
