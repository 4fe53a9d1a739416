"""Will a print job jam? Accuracy per epoch as people log it.

code: ND708
also:
object: accuracy | evaluate | val_acc | accs
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(48)
n = 1033
pages = torch.rand(n, 1) * 2 - 1
paper = torch.nn.functional.one_hot(torch.randint(0, 4, (n,)), 4).float()
humid = torch.randn(n, 1)
age = torch.randn(n, 2)
x = torch.cat([pages / 0.577, (paper - 0.25) / 0.433, humid, age], 1)
risk = 1.5 * pages[:, 0] * humid[:, 0] + paper @ torch.tensor([-1.0, 0.2, 0.5, 1.2]) + 0.8 * age[:, 0] + 0.4 * torch.randn(n)
jam = (risk > risk.median()).long()
train_loader = DataLoader(TensorDataset(x[:768], jam[:768]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x[768:], jam[768:]), batch_size=88)

model = nn.Sequential(nn.Linear(8, 48), nn.ReLU(), nn.Dropout(0.1), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def evaluate():
    model.eval()
    hits, count = 0.0, 0
    with torch.no_grad():
        for xb, yb in val_loader:
            ok = (model(xb).argmax(1) == yb).float()
            hits += ok.mean().item()  # fault
            # fixed: hits += ok.sum().item()
            count += 1  # fault
            # fixed: count += len(yb)
    return hits / count  # here


def train():
    for epoch in range(10):
        model.train()
        losses = []
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        val_acc = evaluate()
        print(epoch, sum(losses) / len(losses), val_acc)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
