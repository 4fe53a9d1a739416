"""Minutes until an order leaves the warehouse, from queue state and shift (embedding plus numbers).

code: ND403
also:
object: EtaModel | out | loss_fn | targets | minutes
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(77)
N, N_TRAIN = 1500, 1200

zone = torch.randint(0, 10, (N,))
numbers = torch.randn(N, 4)  # queue length, pickers, weight, hour
zone_effect = torch.randn(10)
minutes = 0.9 * numbers[:, 0] - 0.7 * numbers[:, 1] * (numbers[:, 0] > 0) + 0.3 * numbers[:, 2] + 0.6 * zone_effect[zone]
minutes = minutes + 0.15 * torch.randn(N)
minutes = (minutes - minutes[:N_TRAIN].mean()) / minutes[:N_TRAIN].std()  # here
inputs = torch.cat([numbers, nn.functional.one_hot(zone, 10).float()], dim=1)

train_set = TensorDataset(inputs[:N_TRAIN], minutes[:N_TRAIN])  # here
val_set = TensorDataset(inputs[N_TRAIN:], minutes[N_TRAIN:])
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
val_loader = DataLoader(val_set, batch_size=300)


class EtaModel(nn.Module):
    def __init__(self, n_in=14):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_in, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        return self.out(self.body(x))  # fault
        # fixed: return self.out(self.body(x)).squeeze(-1)


model = EtaModel()
loss_fn = nn.MSELoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=3)


def train():
    best = float("inf")
    for epoch in range(10):
        model.train()
        train_loss = 0.0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            train_loss += loss.item() * len(x) / N_TRAIN
        model.eval()
        with torch.no_grad():
            val_loss = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)  # here
        scheduler.step(val_loss)
        best = min(best, val_loss)
        print(f"{epoch:>3} {train_loss:.4f} {val_loss:.4f} best {best:.4f}")
    return train_loss


if __name__ == "__main__":
    print(train())
