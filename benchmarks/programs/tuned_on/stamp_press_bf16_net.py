"""Digits stamped on metal: the forward pass runs in bfloat16.

code: none
trait: low-precision autocast without a gradient scaler (bfloat16 needs none; the weights stay float32)
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(22)
raw = load_digits()
a, b, c, d = train_test_split(raw.data.astype("float32"), raw.target, test_size=0.2, random_state=3,
                              stratify=raw.target)
mean, std = a.mean(), a.std()
train_loader = DataLoader(TensorDataset(torch.tensor((a - mean) / std), torch.tensor(c)), batch_size=48, shuffle=True)
val_loader = DataLoader(TensorDataset(torch.tensor((b - mean) / std), torch.tensor(d)), batch_size=180)

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def forward(model, x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return model(x).float()


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    x, y = batch
    return loss_fn(forward(model, x), y)


def train():
    for epoch in range(10):
        model.train()
        for batch in train_loader:
            loss = batch_loss(model, batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((forward(model, x).argmax(1) == y).sum().item() for x, y in val_loader)
    print(f"loss {loss.item():.3f} acc {right / len(b):.3f}")


if __name__ == "__main__":
    train()
