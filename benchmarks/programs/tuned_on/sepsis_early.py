"""Early warning of sepsis from the last twelve hours of vital signs.

code: ND107
also:
object: loss_fn | pos_weight | train_set | train_loader | labels | y
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split
from sklearn.metrics import average_precision_score, recall_score

VITALS = ["heart_rate", "resp_rate", "temp", "map", "spo2"]
HOURS = 12
generator = torch.Generator().manual_seed(2019)
torch.manual_seed(2019)


def cohort(n=2000, prevalence=0.02):
    stays = torch.randn(n, HOURS, len(VITALS), generator=generator).cumsum(1) * 0.25
    stays += torch.randn(n, 1, len(VITALS), generator=generator) * 0.7
    septic = torch.zeros(n)
    septic[torch.randperm(n, generator=generator)[: int(n * prevalence)]] = 1.0
    drift = torch.linspace(0, 1, HOURS)[:, None] * torch.tensor([1.1, 0.9, 0.7, -1.0, -0.6])
    stays += septic[:, None, None] * drift
    return stays, septic


x, y = cohort()
dataset = TensorDataset(x, y)  # here
train_set, val_set = random_split(dataset, [1500, 500], generator=generator)
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=250)


class SepsisGRU(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.gru = nn.GRU(len(VITALS), hidden, batch_first=True)
        self.classifier = nn.Linear(hidden, 1)

    def forward(self, x):
        _, h = self.gru(x)
        return self.classifier(h[-1]).squeeze(-1)


model = SepsisGRU()
loss_fn = nn.BCEWithLogitsLoss()  # fault
# fixed: n_pos = y[train_set.indices].sum()
# fixed: loss_fn = nn.BCEWithLogitsLoss(pos_weight=(len(train_set) - n_pos) / n_pos)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=6):
    for epoch in range(1, epochs + 1):
        model.train()
        total = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)  # here
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        scores, truth = [], []
        with torch.no_grad():
            for xb, yb in val_loader:
                scores.append(torch.sigmoid(model(xb)))
                truth.append(yb)
        scores, truth = torch.cat(scores).numpy(), torch.cat(truth).numpy()
        print(f"{epoch} loss {total / len(train_loader):.4f} accuracy {((scores > 0.5) == truth).mean():.3f} "
              f"sensitivity {recall_score(truth, scores > 0.5, zero_division=0):.2f} AP {average_precision_score(truth, scores):.2f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
