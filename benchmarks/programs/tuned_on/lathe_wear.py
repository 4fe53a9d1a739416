"""Stages of tool wear from vibration snippets: a stack of recurrent cells unrolled by hand.

code: ND203
also: ND601
object: cells | encoder.cells | self.cells
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class CellStack(nn.Module):
    def __init__(self, n_in, n_hidden, depth):
        super().__init__()
        self.n_hidden = n_hidden
        self.cells = []  # here
        for k in range(depth):
            self.cells.append(nn.GRUCell(n_in if k == 0 else n_hidden, n_hidden))
        self.norm = nn.LayerNorm(n_hidden)  # fault
        # fixed: self.cells = nn.ModuleList(self.cells)
        # fixed: self.norm = nn.LayerNorm(n_hidden)

    def forward(self, x):
        states = [x.new_zeros(len(x), self.n_hidden) for _ in self.cells]
        for step in x.unbind(1):
            for k, cell in enumerate(self.cells):
                states[k] = step = cell(step, states[k])
        return self.norm(states[-1])


class WearModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = CellStack(3, 24, 2)  # here
        self.classify = nn.Linear(24, 4)

    def forward(self, x):
        return self.classify(self.encoder(x))


def simulate(n):
    stage = torch.randint(0, 4, (n,))
    t = torch.arange(20).float()
    freq = 0.3 + 0.25 * stage.float()
    phase = torch.rand(n, 1) * 6.28
    sig = torch.sin(freq[:, None] * t + phase)
    x = torch.stack([sig, sig.roll(1, 1) * (1 + 0.1 * stage[:, None]), torch.randn(n, 20)], -1)
    return x + 0.3 * torch.randn_like(x), stage


torch.manual_seed(77)
x, y = simulate(640)
mu, sd = x[:512].mean((0, 1)), x[:512].std((0, 1))
x = (x - mu) / sd
train_loader = DataLoader(TensorDataset(x[:512], y[:512]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x[512:], y[512:]), batch_size=64)
model = WearModel()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)


def train():
    for epoch in range(6):
        model.train()
        acc_loss = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            acc_loss += loss.item()
        model.eval()
        right = 0
        with torch.no_grad():
            for xb, yb in val_loader:
                right += (model(xb).argmax(-1) == yb).sum().item()
    return acc_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
