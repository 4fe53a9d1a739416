"""Which cuisine is a menu? A small transformer encoder over dish tokens.

code: ND204
also:
object: layers | encoder.layers | encoder | layer
seen: checkup
"""
import torch
from torch import nn


def clones(module, n):
    return nn.ModuleList([module] * n)  # fault
    # fixed: import copy
    # fixed: return nn.ModuleList(copy.deepcopy(module) for _ in range(n))


class EncoderLayer(nn.Module):
    def __init__(self, d, heads, p=0.1):
        super().__init__()
        self.attn = nn.MultiheadAttention(d, heads, dropout=p, batch_first=True)
        self.ff = nn.Sequential(nn.Linear(d, 2 * d), nn.ReLU(), nn.Linear(2 * d, d))
        self.n1 = nn.LayerNorm(d)
        self.n2 = nn.LayerNorm(d)
        self.drop = nn.Dropout(p)

    def forward(self, x, pad):
        a, _ = self.attn(x, x, x, key_padding_mask=pad, need_weights=False)
        x = self.n1(x + self.drop(a))
        return self.n2(x + self.drop(self.ff(x)))


class MenuNet(nn.Module):
    def __init__(self, vocab=60, d=32, n_layers=4, classes=5):
        super().__init__()
        self.emb = nn.Embedding(vocab, d, padding_idx=0)
        self.layers = clones(EncoderLayer(d, 4), n_layers)  # here
        self.head = nn.Linear(d, classes)

    def forward(self, ids):
        pad = ids == 0
        x = self.emb(ids)
        for layer in self.layers:  # here
            x = layer(x, pad)
        keep = (~pad).unsqueeze(-1)
        return self.head((x * keep).sum(1) / keep.sum(1))


def menus(n, g):
    y = torch.randint(0, 5, (n,), generator=g)
    ids = torch.randint(1, 60, (n, 12), generator=g)
    typical = 1 + y[:, None] * 11 + torch.randint(0, 11, (n, 12), generator=g)
    ids = torch.where(torch.rand(n, 12, generator=g) < 0.45, typical, ids)
    length = torch.randint(6, 13, (n, 1), generator=g)
    return torch.utils.data.TensorDataset(ids * (torch.arange(12) < length), y)


g = torch.Generator().manual_seed(0)
torch.manual_seed(0)
train_loader = torch.utils.data.DataLoader(menus(500, g), batch_size=50, shuffle=True)
val_loader = torch.utils.data.DataLoader(menus(100, g), batch_size=100)
model = MenuNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def run_epoch(loader, learn):
    model.train(learn)
    out = []
    with torch.set_grad_enabled(learn):
        for ids, y in loader:
            loss = loss_fn(model(ids), y)
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            out.append(loss.item())
    return sum(out) / len(out)


def train():
    for _ in range(7):
        last = run_epoch(train_loader, True)
        run_epoch(val_loader, False)
    return last


if __name__ == "__main__":
    print(train())
