"""A leaky-integrator network remembers which valve was opened while a pump vibrates on.

code: ND502
also: ND303
object: LEAK | cell | valve | LeakyCell
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(80)
STEPS, VALVES = 36, 4
LEAK = 0.85  # fault
# fixed: LEAK = 0.04


def episodes(n):
    valve = torch.randint(0, VALVES, (n,))
    noise = 0.5 * torch.randn(n, STEPS, 3)
    failing = (valve + 1) % VALVES
    return TensorDataset(valve, noise, failing)


class LeakyCell(nn.Module):
    def __init__(self, d_in, d):
        super().__init__()
        self.inp = nn.Linear(d_in, d)
        self.rec = nn.Linear(d, d, bias=False)
        nn.init.normal_(self.rec.weight, std=0.3 / d ** 0.5)

    def forward(self, x, h):
        return (1 - LEAK) * h + LEAK * torch.tanh(self.inp(x) + self.rec(h))  # here


class PumpNet(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.valve = nn.Embedding(VALVES, d)
        self.cell = LeakyCell(3, d)
        self.out = nn.Linear(d, VALVES)

    def forward(self, valve, noise):
        h = torch.tanh(self.valve(valve))
        for t in range(noise.shape[1]):
            h = self.cell(noise[:, t], h)  # here
        return self.out(h)


model = PumpNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
train_loader = DataLoader(episodes(640), batch_size=64, shuffle=True)
val_loader = DataLoader(episodes(128), batch_size=64)
ce = nn.CrossEntropyLoss()


def batch_loss(setup, batch):
    valve, noise, failing = batch
    return ce(setup.model(valve, noise), failing)


def train():
    class S: pass
    S.model = model
    for epoch in range(10):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(S, batch)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            print(epoch, loss.item(), [batch_loss(S, b).item() for b in val_loader])
    return loss.item()


if __name__ == "__main__":
    print(train())
