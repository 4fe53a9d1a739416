"""Casting defects: 4 % of the parts, drawn more often by a WeightedRandomSampler.

code: none
trait: very uneven classes, but the sampler evens them out; a bias before batch norm; odd last batch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

torch.manual_seed(404)


def castings(n, share):
    y = (torch.rand(n) < share).float()
    x = 0.5 * torch.randn(n, 1, 18, 18)
    yy, xx = torch.meshgrid(torch.arange(18.0), torch.arange(18.0), indexing="ij")
    for i in y.nonzero().flatten().tolist():
        cy, cx = torch.randint(3, 15, (2,)).tolist()
        x[i, 0] -= 1.8 * torch.exp(-((yy - cy) ** 2 + (xx - cx) ** 2) / 3)
    return x / 0.55, y


x_train, y_train = castings(1100, 0.04)
x_val, y_val = castings(400, 0.04)
counts = torch.bincount(y_train.long(), minlength=2)
sampler = WeightedRandomSampler((1.0 / counts)[y_train.long()], num_samples=810, replacement=True)
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, sampler=sampler)
val_loader = DataLoader(TensorDataset(x_val, y_val), batch_size=200)


class DefectNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten())
        self.defect = nn.Linear(16, 1)

    def forward(self, x):
        return self.defect(self.net(x)).squeeze(1)


model = DefectNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def report():
    model.eval()
    with torch.no_grad():
        flag = torch.cat([model(x) > 0 for x, _ in val_loader])
    truth = y_val > 0.5
    hit = (flag & truth).sum().item()
    return hit / max(1, flag.sum().item()), hit / truth.sum().item()


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        total = seen = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
            seen += len(y)
        precision_, recall = report()
        print(f"{epoch} loss {total / seen:.4f} precision {precision_:.2f} recall {recall:.2f}")
    return total / seen


if __name__ == "__main__":
    print(train())
