"""Which third of a stride carries the stumble? Patches of an accelerometer trace, a small transformer.

code: ND203
also: ND601
object: pos | self.pos
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(12)


def strides(n, length=96):
    t = torch.linspace(0, 1, length)
    phase = torch.rand(n, 1) * 6.28
    trace = torch.sin(6.28 * 4 * t + phase) * (0.8 + 0.4 * torch.rand(n, 1))
    third = torch.randint(0, 3, (n,))
    centre = (third.float() + 0.2 + 0.6 * torch.rand(n)) / 3
    bump = torch.exp(-((t - centre[:, None]) / 0.03) ** 2)
    trace = trace + 1.8 * bump + 0.2 * torch.randn(n, length)
    lateral = 0.5 * torch.roll(trace, 5, 1) + 0.3 * torch.randn(n, length)
    return torch.stack([trace, lateral], 1), third


x, y = strides(1000)
x = (x - x[:800].mean((0, 2), keepdim=True)) / x[:800].std((0, 2), keepdim=True)
train_loader = DataLoader(TensorDataset(x[:800], y[:800]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x[800:], y[800:]), batch_size=100)


class PatchTransformer(nn.Module):
    def __init__(self, patch=8, patches=12, dim=32):
        super().__init__()
        self.patch = patch
        self.embed = nn.Linear(2 * patch, dim)
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos = nn.init.trunc_normal_(torch.empty(1, patches + 1, dim, requires_grad=True), std=0.02)  # fault
        # fixed: self.pos = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, patches + 1, dim), std=0.02))
        layer = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(dim, 3)

    def forward(self, x):
        p = x.unfold(2, self.patch, self.patch).permute(0, 2, 1, 3).flatten(2)
        h = torch.cat([self.cls.expand(len(x), -1, -1), self.embed(p)], 1) + self.pos  # here
        return self.head(self.encoder(h)[:, 0])


model = PatchTransformer()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)  # here


def train():
    tail = []
    for epoch in range(8):
        model.train()
        for xb, yb in train_loader:
            loss = loss_fn(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            tail.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([model(a).argmax(1) == b for a, b in val_loader]).float().mean()
    return sum(tail[-25:]) / 25


if __name__ == "__main__":
    print(train())
