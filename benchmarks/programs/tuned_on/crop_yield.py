"""Tons of maize per hectare from soil and weather columns; gradient accumulation over two small batches.

code: ND403
also:
object: loss_fn | MSELoss | squeeze | pred | target
seen: checkup
"""
import warnings
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader

warnings.filterwarnings("ignore")
rng = np.random.default_rng(140)
torch.manual_seed(140)
COLUMNS = ["nitrogen", "rain", "heat", "slope", "ph", "sand"]
table = rng.normal(size=(900, len(COLUMNS))).astype("float32")
yield_t = 0.8 * table[:, 0] + 0.6 * table[:, 1] - 0.5 * table[:, 2] ** 2 + 0.3 * table[:, 4] * table[:, 5] + 0.1 * rng.normal(size=900)
yield_t = ((yield_t - yield_t[:750].mean()) / yield_t[:750].std()).astype("float32")


class Fields(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        r = self.rows[i]
        return torch.from_numpy(table[r]), yield_t[r]


class YieldMLP(nn.Module):
    def __init__(self, n_in, widths=(32, 32)):
        super().__init__()
        steps, last = [], n_in
        for w in widths:
            steps += [nn.Linear(last, w), nn.ReLU()]
            last = w
        self.body, self.top = nn.Sequential(*steps), nn.Linear(last, 1)

    def forward(self, x):
        return self.top(self.body(x))  # fault
        # fixed: return self.top(self.body(x)).squeeze(-1)


train_loader = DataLoader(Fields(range(750)), batch_size=25, shuffle=True)
val_loader = DataLoader(Fields(range(750, 900)), batch_size=50)
model = YieldMLP(len(COLUMNS))
loss_fn = nn.MSELoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
ACCUMULATE = 2


def train():
    for epoch in range(15):
        model.train()
        seen = []
        optimizer.zero_grad()
        for i, (x, y) in enumerate(train_loader):
            loss = loss_fn(model(x), y)  # here
            (loss / ACCUMULATE).backward()
            if (i + 1) % ACCUMULATE == 0:
                optimizer.step()
                optimizer.zero_grad()
            seen.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(x), y).item() for x, y in val_loader])
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1} mse {np.mean(seen):.4f} val {val:.4f}")
    return float(np.mean(seen))


if __name__ == "__main__":
    print(train())
