"""Five kinds of white blood cells from flow-cytometry channels; own batching, no torch DataLoader.

code: ND108
also:
object: Batches | train_loader | order | __iter__ | cells
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn

torch.manual_seed(19)
rng = np.random.default_rng(19)
CHANNELS = ["forward", "side", "cd14", "cd19", "cd3", "cd56"]
KINDS = ["lymphocyte", "monocyte", "neutrophil", "eosinophil", "basophil"]

profiles = rng.normal(0, 1.2, (5, 6))
cells = pd.concat([
    pd.DataFrame(profiles[k] + rng.normal(0, 0.8, (500, 6)), columns=CHANNELS).assign(kind=name)
    for k, name in enumerate(KINDS)
], ignore_index=True)
cells[CHANNELS] = (cells[CHANNELS] - cells[CHANNELS].mean()) / cells[CHANNELS].std()
held_out = cells.groupby("kind").sample(60, random_state=3).index
val_cells, train_cells = cells.loc[held_out], cells.drop(held_out)


class Batches:
    """Iterates over a table in pieces, anew in every epoch."""

    def __init__(self, table, size):
        self.x = torch.tensor(table[CHANNELS].to_numpy(), dtype=torch.float32)
        self.y = torch.tensor([KINDS.index(k) for k in table["kind"]])
        self.size = size

    def __len__(self):
        return (len(self.x) + self.size - 1) // self.size

    def __iter__(self):
        order = np.arange(len(self.x))  # fault
        # fixed: order = np.random.default_rng(torch.randint(1 << 30, ()).item()).permutation(len(self.x))
        for i in range(0, len(order), self.size):
            chosen = order[i:i + self.size]
            yield self.x[chosen], self.y[chosen]


train_loader = Batches(train_cells, 40)
val_loader = Batches(val_cells, 100)
model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 5))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.5)


def train():
    for epoch in range(6):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print(f"val accuracy {hits / len(val_cells):.3f}")


if __name__ == "__main__":
    train()
