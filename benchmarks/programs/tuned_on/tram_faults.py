"""Which tram component reported the fault: sensor traces of 40 steps, a small transformer encoder, own likelihood.

code: ND103
also:
object: FAULT_INDEX | code | encode | targets | nll | TraceSet | train_loader
seen: both
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(6)
COMPONENTS = ["door", "brake", "pantograph", "heater", "axle"]
FAULT_INDEX = {name: number for number, name in enumerate(COMPONENTS, start=1)}


def trace(component):
    t = torch.arange(40.0)
    k = COMPONENTS.index(component)
    freq = 0.15 + 0.12 * k
    a = torch.sin(freq * t + 6.28 * torch.rand(())) + 0.4 * torch.randn(40)
    b = torch.cos(0.1 * t) * (1 if k % 2 else -1) + 0.6 * torch.randn(40)
    return torch.stack([a, b], 1)


class TraceSet(Dataset):
    def __init__(self, n):
        which = torch.randint(0, 5, (n,)).tolist()
        self.rows = [(trace(COMPONENTS[k]), COMPONENTS[k]) for k in which]

    def __len__(self):
        return len(self.rows)

    def encode(self, name):
        code = FAULT_INDEX[name] - 1
        return torch.tensor(code - 1)  # fault
        # fixed: return torch.tensor(code)

    def __getitem__(self, i):
        x, name = self.rows[i]
        return x, self.encode(name)  # here


train_loader = DataLoader(TraceSet(400), batch_size=25, shuffle=True)  # here
val_loader = DataLoader(TraceSet(100), batch_size=50)


class TraceFormer(nn.Module):
    def __init__(self, d=18):
        super().__init__()
        self.inp = nn.Conv1d(2, d, 9, padding=4)
        pos = torch.zeros(40, d)
        f = torch.exp(torch.arange(0, d, 2) * (-math.log(100.0) / d))
        pos[:, 0::2] = torch.sin(torch.arange(40)[:, None] * f)
        pos[:, 1::2] = torch.cos(torch.arange(40)[:, None] * f)
        self.register_buffer("pos", pos)
        layer = nn.TransformerEncoderLayer(d, 3, 36, dropout=0.0, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(d, 5)

    def forward(self, x):
        return self.head(self.enc(torch.relu(self.inp(x.mT)).mT + self.pos).mean(1))


def nll(logits, y):
    logp = logits.log_softmax(-1)
    return -logp[torch.arange(len(y)), y].mean()  # here


model = TraceFormer()
loss_fn = nll
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)


def train():
    for epoch in range(6):
        model.train()
        s = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            s += loss.item()
        model.eval()
        ok = 0
        with torch.no_grad():
            for x, y in val_loader:
                ok += (model(x).argmax(-1) == y).sum().item()
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())
