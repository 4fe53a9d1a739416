"""Species of garden plants; rows are sorted for a tidy table and batches are cut by hand.

code: ND108
also:
object: train_loader | PlantBatches | rows | table
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn

rng = np.random.default_rng(50)
torch.manual_seed(50)

SPECIES = ["aster", "dahlia", "fern", "iris", "tulip", "zinnia"]
centres = rng.normal(0, 1.2, (6, 7))
which = rng.integers(0, 6, 1300)
table = pd.DataFrame(centres[which] + rng.normal(0, 1, (1300, 7)), columns=[f"trait_{i}" for i in range(7)])
table["species"] = [SPECIES[w] for w in which]

held = table.sample(250, random_state=4)
table = table.drop(held.index).sort_values("species").reset_index(drop=True)  # here
traits = [c for c in table if c.startswith("trait")]
low, high = table[traits].mean(), table[traits].std()


class PlantBatches:
    """A little loader of its own: yields (traits, species index)."""

    def __init__(self, rows, size, shuffle):
        self.x = torch.tensor(((rows[traits] - low) / high).to_numpy(), dtype=torch.float32)
        self.y = torch.tensor([SPECIES.index(s) for s in rows["species"]])
        self.size, self.shuffle = size, shuffle

    def __len__(self):
        return -(-len(self.y) // self.size)

    def __iter__(self):
        order = torch.randperm(len(self.y)) if self.shuffle else torch.arange(len(self.y))
        for part in order.split(self.size):
            yield self.x[part], self.y[part]


train_loader = PlantBatches(table, 30, shuffle=False)  # fault
# fixed: train_loader = PlantBatches(table, 30, shuffle=True)
val_loader = PlantBatches(held, 125, shuffle=False)


class PlantNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.Linear(7, 40)
        self.norm = nn.LayerNorm(40)
        self.down = nn.Linear(40, 6)

    def forward(self, x):
        return self.down(torch.relu(self.norm(self.up(x))))


model = PlantNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    late = []
    for epoch in range(7):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            if epoch == 6:
                late.append(loss.item())
        model.eval()
        with torch.no_grad():
            print(epoch, torch.cat([(model(x).argmax(1) == y).float() for x, y in val_loader]).mean().item())
    return float(np.mean(late))


if __name__ == "__main__":
    train()
