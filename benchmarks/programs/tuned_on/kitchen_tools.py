"""Defective blades on the line: vibration spectra of kitchen mixers, 1-d conv net, few defects.

code: ND107
also:
object: loss_fn | class 1 | train_loader | labels | defect | criterion
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader, random_split

torch.manual_seed(1234)
N, BINS, RATE = 3000, 64, 0.02

labels = (torch.arange(N) < int(N * RATE)).long()[torch.randperm(N)]
freq = torch.arange(BINS).float()
base = torch.exp(-((freq - 12) / 3) ** 2) + 0.6 * torch.exp(-((freq - 30) / 4) ** 2)
spectra = base + 0.35 * torch.randn(N, BINS)
peak = 20 + 6 * torch.rand(N, 1)
spectra += labels[:, None] * 0.75 * torch.exp(-((freq - peak) / 2) ** 2)

perm_train, perm_val = random_split(range(N), [2400, 600], generator=torch.Generator().manual_seed(0))
tr, va = torch.tensor(list(perm_train)), torch.tensor(list(perm_val))
mean, std = spectra[tr].mean(), spectra[tr].std()
spectra = ((spectra - mean) / std).unsqueeze(1)

train_loader = DataLoader(TensorDataset(spectra[tr], labels[tr]), batch_size=100, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(spectra[va], labels[va]), batch_size=300)


class BladeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 8, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
        )
        self.classifier = nn.Linear(16 * 16, 2)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


model = BladeNet()
loss_fn = nn.CrossEntropyLoss()  # fault
# fixed: counts = torch.bincount(labels[tr], minlength=2).float()
# fixed: loss_fn = nn.CrossEntropyLoss(weight=counts.sum() / (2 * counts))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train():
    last = 0.0
    for epoch in range(6):
        model.train()
        last = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            optimizer.step()
            last += loss.item() / len(train_loader)
        model.eval()
        hits = total = found = defects = 0
        with torch.no_grad():
            for x, y in val_loader:
                pred = model(x).argmax(dim=1)
                hits += (pred == y).sum().item()
                total += len(y)
                found += ((pred == 1) & (y == 1)).sum().item()
                defects += (y == 1).sum().item()
        print(f"Epoch {epoch + 1}/6 - loss {last:.4f} - val acc {hits / total:.3f} - defects found {found}/{defects}")
    return last


if __name__ == "__main__":
    print(train())
