"""
Bearing condition (healthy / inner race / outer race / ball) from the spectrum of a short vibration record.

code: ND202
also: ND307, ND406, ND502
object: W1 | W2 | W3 | net.W1 | net.W2
seen: checkup
"""
import math
import torch
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(101)
FS, T = 128, 128


def records(n):
    t = torch.arange(T) / FS
    y = torch.randint(0, 4, (n,))
    base = torch.sin(2 * math.pi * 9 * t + 6.28 * torch.rand(n, 1))
    tone = torch.tensor([0.0, 21.0, 30.0, 41.0])[y][:, None] + 2.0 * torch.randn(n, 1)
    amp = torch.where(y[:, None] == 0, torch.zeros(n, 1), 0.25 + 0.35 * torch.rand(n, 1))
    sig = base + amp * torch.sin(2 * math.pi * tone * t + 6.28 * torch.rand(n, 1)) + 0.6 * torch.randn(n, T)
    spec = torch.log1p(torch.fft.rfft(sig).abs())
    return spec, y


spec, cond = records(1600)
mu, sd = spec[:1200].mean(0), spec[:1200].std(0)
spec = (spec - mu) / sd
train_loader = DataLoader(TensorDataset(spec[:1200], cond[:1200]), 40, shuffle=True)
val_loader = DataLoader(TensorDataset(spec[1200:], cond[1200:]), 200)


class BearingNet(torch.nn.Module):
    def __init__(self, d=65, h=160, k=4):
        super().__init__()
        self.W1 = torch.nn.Parameter(torch.randn(d, h))  # fault
        # fixed: self.W1 = torch.nn.Parameter(torch.randn(d, h) / d ** 0.5)
        self.b1 = torch.nn.Parameter(torch.zeros(h))
        self.W2 = torch.nn.Parameter(torch.randn(h, h))  # fault
        # fixed: self.W2 = torch.nn.Parameter(torch.randn(h, h) / h ** 0.5)
        self.b2 = torch.nn.Parameter(torch.zeros(h))
        self.W3 = torch.nn.Parameter(torch.randn(h, k))  # fault
        # fixed: self.W3 = torch.nn.Parameter(torch.randn(h, k) / h ** 0.5)
        self.b3 = torch.nn.Parameter(torch.zeros(k))

    def forward(self, s):
        z1 = torch.tanh(s @ self.W1 + self.b1)  # here
        z2 = torch.tanh(z1 @ self.W2 + self.b2)  # here
        return z2 @ self.W3 + self.b3


model = BearingNet()
loss_fn = F.cross_entropy
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train(epochs=6):
    for ep in range(epochs):
        model.train(); run = []
        for s, c in train_loader:
            loss = loss_fn(model(s), c)
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            run.append(loss.item())
        model.eval(); ok = 0
        with torch.no_grad():
            for s, c in val_loader:
                ok += int((model(s).argmax(1) == c).sum())
        print(f"{ep} {sum(run)/len(run):.3f} {ok/400:.3f}")
    return sum(run) / len(run)


if __name__ == "__main__":
    print(train())
