"""Keras digits notebook moved to PyTorch: two convolutions with batch-norm.

code: ND306
also:
object: BatchNorm2d | momentum | bn | features.1 | features.4
seen: both
"""
import torch
from torch import nn, optim
from sklearn.datasets import load_digits

torch.manual_seed(2024)
bunch = load_digits()
images = torch.tensor(bunch.images, dtype=torch.float32)[:, None]
labels = torch.tensor(bunch.target)
perm = torch.randperm(len(labels))
train_idx, val_idx = perm[:1437], perm[1437:]
images = (images - images[train_idx].mean()) / images[train_idx].std()


def bn(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.001)  # fault
    # fixed: return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.1)


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1, bias=False), bn(12), nn.ReLU(),  # here
            nn.Conv2d(12, 24, 3, padding=1, stride=2, bias=False), bn(24), nn.ReLU(),  # here
            nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.fc = nn.Linear(96, 10)

    def forward(self, x):
        return self.fc(self.features(x))


dataset = torch.utils.data.TensorDataset(images, labels)
train_loader = torch.utils.data.DataLoader(torch.utils.data.Subset(dataset, train_idx.tolist()), batch_size=64, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.Subset(dataset, val_idx.tolist()), batch_size=120)
model = ConvNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=3e-3)


def fit(epochs=5):
    history = {"loss": [], "val_loss": [], "val_acc": []}
    for epoch in range(epochs):
        model.train()
        s = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            s += loss.item()
        model.eval()
        v, hit = 0.0, 0
        with torch.no_grad():
            for x, y in val_loader:
                z = model(x)
                v += loss_fn(z, y).item() * len(y)
                hit += (z.argmax(1) == y).sum().item()
        history["loss"].append(s / len(train_loader))
        history["val_loss"].append(v / len(val_idx))
        history["val_acc"].append(hit / len(val_idx))
    return history


def train():
    history = fit()
    for k, v in history.items():
        print(k, [round(a, 3) for a in v])
    return history["loss"][-1]


if __name__ == "__main__":
    print(train())
