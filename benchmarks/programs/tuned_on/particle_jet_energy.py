"""Tags jets as top or QCD from the four-momenta of their constituents (unit: 60 GeV).

code: ND308
also: ND807, ND310
object: mass_features | MassLayer | model.mass | half
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(11)
N, P, UNIT = 640, 12, 60.0


def make_jets(n):
    label = torch.randint(0, 2, (n,))
    pt = torch.distributions.Exponential(1 / 40.0).sample((n, P)) + 5
    spread = 0.12 + 0.35 * label.float()[:, None]
    eta, phi = torch.randn(n, P) * spread, torch.randn(n, P) * spread
    px, py, pz = pt * phi.cos(), pt * phi.sin(), pt * torch.sinh(eta)
    e = (px ** 2 + py ** 2 + pz ** 2).sqrt()
    return torch.stack([e, px, py, pz], -1) / UNIT, label


class MassLayer(nn.Module):
    """Invariant mass of the jet and of its leading pairs, on a log scale."""

    def forward(self, p4):
        p4 = (UNIT * p4).half()  # fault
        # fixed: p4 = (UNIT * p4).double()
        jet = p4.sum(1)
        pairs = p4[:, :1] + p4[:, 1:6]
        both = torch.cat([jet[:, None], pairs], 1)
        square = both ** 2  # here
        m2 = (square[..., 0] - square[..., 1:].sum(-1)).clamp_min(1e-3)  # here
        return torch.log10(m2.float()) - 2.0


class JetTagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.mass = MassLayer()  # here
        self.net = nn.Sequential(nn.Linear(6 + 4 * P, 64), nn.SiLU(), nn.Linear(64, 2))

    def forward(self, p4):
        return self.net(torch.cat([self.mass(p4), p4.flatten(1)], 1))


momenta, labels = make_jets(N)
train_loader = DataLoader(TensorDataset(momenta[:512], labels[:512]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(momenta[512:], labels[512:]), batch_size=64)
model = JetTagger()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train(epochs=8):
    for _ in range(epochs):
        model.train()
        seen = []
        for p4, y in train_loader:
            loss = loss_fn(model(p4), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
        model.eval()
        with torch.no_grad():
            hits = sum((model(p4).argmax(1) == y).sum().item() for p4, y in val_loader)
        print(f"val acc {hits / 128:.3f}")
    return sum(seen) / len(seen)


if __name__ == "__main__":
    print(train())
