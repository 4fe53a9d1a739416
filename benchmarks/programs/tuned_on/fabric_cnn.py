"""Weave defects in 12x12 fabric crops, three kinds; accuracy reported after every epoch.

code: ND708
also:
object: accuracy | acc | val_acc | evaluate | val_loader
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(72)


def crops(n):
    y = torch.randint(0, 3, (n,))
    g = torch.arange(12.)
    weave = torch.sin(g * 2.1)[:, None] * torch.sin(g * 2.1)
    x = weave + 0.9 * torch.randn(n, 12, 12)
    for i in range(n):
        p = int(torch.randint(2, 10, ()))
        if y[i] == 1:
            x[i, p] += 1.8
        elif y[i] == 2:
            x[i, :, p] += 1.8
    return x.unsqueeze(1), y


x_train, y_train = crops(600)
x_val, y_val = crops(131)
m, s = x_train.mean(), x_train.std()
train_loader = DataLoader(TensorDataset((x_train - m) / s, y_train), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset((x_val - m) / s, y_val), batch_size=64)  # here

model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Dropout(0.3), nn.Linear(16 * 36, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def evaluate():
    model.eval()
    acc, correct, count = 0.0, 0, 0
    with torch.no_grad():
        for images, labels in val_loader:
            hit = (model(images).argmax(1) == labels).float()
            acc += hit.mean().item()
            correct += hit.sum().item()
            count += len(labels)
    return acc / len(val_loader)  # fault
    # fixed: return correct / count


def train():
    for epoch in range(6):
        model.train()
        run = 0.0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(images), labels)
            loss.backward()
            optimizer.step()
            run += loss.item() * len(labels)
        print(f"epoch {epoch} loss {run / 600:.4f} val acc {evaluate():.4f}")  # here
    return run / 600


if __name__ == "__main__":
    print(train())
