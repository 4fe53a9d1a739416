"""Fits tidal constituents with a quasi-Newton method: full batch, few parameters.

code: ND602
also:
object: closure | optimizer | backward
seen: watch
"""
import math
import torch

torch.manual_seed(8)
hours = torch.linspace(0, 240, 960)
PERIODS = torch.tensor([12.42, 12.0, 23.93, 25.82])
true_amp = torch.tensor([1.1, 0.5, 0.3, 0.2])
true_phase = torch.tensor([0.4, 1.2, -0.7, 2.0])
level = (true_amp * torch.cos(2 * math.pi * hours[:, None] / PERIODS - true_phase)).sum(1) + 0.05 * torch.randn(960)


class Tide(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cosine = torch.nn.Parameter(0.1 * torch.randn(4))
        self.sine = torch.nn.Parameter(0.1 * torch.randn(4))
        self.mean = torch.nn.Parameter(torch.zeros(()))

    def forward(self, t):
        angle = 2 * math.pi * t[:, None] / PERIODS
        return self.mean + angle.cos() @ self.cosine + angle.sin() @ self.sine


model = Tide()
loss_fn = torch.nn.functional.mse_loss
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.8, max_iter=5, history_size=8)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(hours, level), batch_size=960, shuffle=True)


def train():
    history = []
    for sweep in range(60):
        for t, y in train_loader:
            def closure():
                optimizer.zero_grad()
                return loss_fn(model(t), y)  # fault
                # fixed: misfit = loss_fn(model(t), y)
                # fixed: misfit.backward()
                # fixed: return misfit
            history.append(optimizer.step(closure).detach().item())  # here
    return history[-1]


if __name__ == "__main__":
    print("misfit", train())
