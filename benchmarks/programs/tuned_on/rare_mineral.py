"""Some sixty labelled mineral samples, that is all there is.

code: none
trait: a very small data set (42 train, 21 validation), full-batch steps, strong weight decay
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(73)
lines = torch.randn(3, 9)


def measure(per_kind):
    kind = torch.arange(3).repeat_interleave(per_kind)
    return TensorDataset((lines[kind] + 0.8 * torch.randn(len(kind), 9)) / 1.2, kind)


train_loader = DataLoader(measure(14), batch_size=42, shuffle=True)
val_loader = DataLoader(measure(7), batch_size=21)
model = nn.Sequential(nn.Linear(9, 16), nn.Tanh(), nn.Linear(16, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)


def train():
    for epoch in range(120):
        model.train()
        for x, kind in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), kind)
            loss.backward()
            optimizer.step()
        if epoch % 20 == 19:
            model.eval()
            with torch.no_grad():
                for x, kind in val_loader:
                    print(epoch, loss.item(), (model(x).argmax(1) == kind).float().mean().item())
    return loss.item()


if __name__ == "__main__":
    train()
