"""Finds torn threads in pictures of fabric; prints the validation accuracy of every epoch.

code: ND702
also: ND708
object: model.eval | validate | model
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(15)


def fabric(n):
    y = torch.randint(0, 2, (n,))
    lines = torch.sin(torch.arange(12) * 2.1).expand(12, 12)
    x = lines + 0.5 * torch.randn(n, 12, 12)
    for i in torch.nonzero(y)[:, 0].tolist():
        r, c = torch.randint(0, 8, (2,)).tolist()
        x[i, r:r + 4, c:c + 4] = 0.3 * torch.randn(4, 4)
    return (x / 0.85).unsqueeze(1), y


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True), nn.MaxPool2d(2))


train_ds, val_ds = TensorDataset(*fabric(512)), TensorDataset(*fabric(128))
train_loader = DataLoader(train_ds, batch_size=32, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=32)
model = nn.Sequential(block(1, 12), block(12, 24), nn.Flatten(), nn.Dropout(0.3), nn.Linear(24 * 9, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


@torch.no_grad()
def validate():
    model.train()  # fault
    # fixed: model.eval()
    correct = 0
    for x, y in val_loader:
        correct += (model(x).argmax(1) == y).sum().item()  # here
    return correct / len(val_ds)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"Epoch {epoch}: {sum(losses) / len(losses):.4f} acc={validate():.4f}")  # here
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
