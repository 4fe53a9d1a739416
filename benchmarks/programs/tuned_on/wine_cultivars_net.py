"""Three cultivars of wine, with an exponentially smoothed loss for the progress line.

code: ND506
also:
object: smooth | loss
seen: watch
"""
import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)
data = load_wine()
order = torch.randperm(len(data.target))
X = torch.tensor(data.data, dtype=torch.float32)[order]
Y = torch.tensor(data.target)[order]
X = (X - X[:140].mean(0)) / X[:140].std(0)
train_loader = DataLoader(TensorDataset(X[:140], Y[:140]), batch_size=14, shuffle=True)
val_loader = DataLoader(TensorDataset(X[140:], Y[140:]), batch_size=38)


class WineNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(13, 24), nn.Linear(24, 3)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


model = WineNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)


def train():
    smooth = None
    for epoch in range(20):
        model.train()
        for step, (x, y) in enumerate(train_loader):
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            smooth = loss if smooth is None else 0.95 * smooth + 0.05 * loss  # fault
            # fixed: smooth = loss.item() if smooth is None else 0.95 * smooth + 0.05 * loss.item()
        model.eval()
        with torch.no_grad():
            accuracy = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / 38
        if epoch % 5 == 4:
            print(f"{epoch + 1:3d}  loss {float(smooth):.3f}  accuracy {accuracy:.3f}")  # here
    return float(smooth)


if __name__ == "__main__":
    print(train())
