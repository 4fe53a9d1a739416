"""Fine-grained classes of little textures by bilinear pooling of convolution features.

code: ND504
also: ND310
object: pooled | sqrt | BilinearCNN | features
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(31)


def textures(n):
    y = torch.randint(0, 4, (n,))
    grid = torch.arange(12.0)
    freq = torch.tensor([0.6, 1.2, 0.6, 1.2])[y].view(-1, 1, 1)
    rows, cols = grid.view(1, -1, 1), grid.view(1, 1, -1)
    shift = torch.rand(n, 1, 1) * 6.28
    across = torch.sin(freq * rows + shift) * (y < 2).view(-1, 1, 1) + torch.sin(freq * cols + shift) * (y >= 2).view(-1, 1, 1)
    x = across.expand(n, 12, 12) + 0.2 * torch.randn(n, 12, 12)
    return (x / 0.73).unsqueeze(1), y


class BilinearCNN(nn.Module):
    def __init__(self, channels=12, classes=4):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, channels, 3), nn.ReLU())
        self.classifier = nn.Linear(channels ** 2, classes)

    def forward(self, x):
        f = self.features(x).flatten(2)
        outer = torch.bmm(f, f.transpose(1, 2)) / f.shape[-1]
        pooled = outer.flatten(1)
        pooled = torch.sign(pooled) * torch.sqrt(torch.abs(pooled))  # fault
        # fixed: pooled = torch.sign(pooled) * torch.sqrt(torch.abs(pooled) + 1e-5)
        return self.classifier(F.normalize(pooled))  # here


train_data, val_data = TensorDataset(*textures(320)), TensorDataset(*textures(96))
train_loader = DataLoader(train_data, batch_size=32, shuffle=True)
val_loader = DataLoader(val_data, batch_size=32)
model = BilinearCNN()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train(epochs=8):
    for _ in range(epochs):
        model.train()
        loss_sum = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(y)
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    return loss_sum / len(train_data)


if __name__ == "__main__":
    print(train())
