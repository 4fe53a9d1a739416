"""Edible or not from a noisy field guide: category codes, learned embeddings, long training.

code: ND703
also:
object: model | val_loader | epochs | Caps | history | width
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(64)
COLUMNS, LEVELS = 12, 8
table = torch.randint(0, LEVELS, (3200, COLUMNS))
risk = (table[:, 0] > 4).float() + (table[:, 1] < 3).float() - (table[:, 2] == 2).float()
poison = (torch.rand(3200) < torch.sigmoid(2.5 * (risk - .9))).float()
settings = dict(rows=150, embed=24, width=128, decay=0.)  # fault
# fixed: settings = dict(rows=2600, embed=3, width=8, decay=.02)
rows = settings["rows"]
train_loader = DataLoader(TensorDataset(table[:rows], poison[:rows]), batch_size=max(15, rows // 20), shuffle=True)
val_loader = DataLoader(TensorDataset(table[2600:], poison[2600:]), batch_size=200)


class Caps(nn.Module):
    def __init__(self, embed, width):
        super().__init__()
        self.levels = nn.ModuleList(nn.Embedding(LEVELS, embed) for _ in range(COLUMNS))
        self.mlp = nn.Sequential(nn.Linear(COLUMNS * embed, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, codes):
        h = torch.cat([e(c) for e, c in zip(self.levels, codes.unbind(1))], -1)
        return self.mlp(h).squeeze(-1)


model = Caps(settings["embed"], settings["width"])  # here
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=settings["decay"])


def validate():
    model.eval()
    with torch.no_grad():
        value = sum(loss_fn(model(c), p).item() for c, p in val_loader) / len(val_loader)  # here
    model.train()
    return value


def train():
    curve = []
    for epoch in range(16):
        run = 0.
        for c, p in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(c), p)
            loss.backward()
            optimizer.step()
            run += loss.item() / len(train_loader)
        curve.append(validate())
    train.curve = curve
    return run


if __name__ == "__main__":
    print(train(), train.curve)
