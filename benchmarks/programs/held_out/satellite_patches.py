"""Land use (water, field, town, wood) from four-band patches; SGD with heavy momentum.

code: ND706
also: ND604
object: optimizer | momentum | history
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(81)
MEANS = torch.tensor([[0.1, 0.2, 0.1, 0.0], [0.3, 0.5, 0.3, 0.6], [0.5, 0.4, 0.5, 0.3], [0.1, 0.4, 0.1, 0.8]])


def patches(n):
    use = torch.randint(0, 4, (n,))
    x = MEANS[use].view(n, 4, 1, 1) + 0.35 * torch.randn(n, 4, 6, 6)
    town = (use == 2).float().view(n, 1, 1, 1)
    x = x + town * 0.4 * torch.sign(torch.randn(n, 1, 6, 6))
    return TensorDataset((x - 0.34) / 0.44, use)


train_loader = DataLoader(patches(800), batch_size=16, shuffle=True)
val_loader = DataLoader(patches(200), batch_size=50)
model = nn.Sequential(nn.Flatten(), nn.Linear(144, 48), nn.ReLU(), nn.Linear(48, 24), nn.ReLU(), nn.Linear(24, 4))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.985)  # fault
# fixed: optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.5)


def train():
    history = []
    for epoch in range(8):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            history.append(loss.item())  # here
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        tail = history[-50:]
        print(f"{epoch} mean {sum(tail) / 50:.4f} max {max(tail):.4f} val acc {hits / 200:.3f}")
    return sum(history[-50:]) / 50


if __name__ == "__main__":
    print(train())
