"""Transfer: a trunk learnt on ten classes of petals gets a new head for four new flowers.

code: ND601
also:
object: head | head.weight | head.bias | optimizer
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(40)


class PetalNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 12, 3, padding=1)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1)
        self.head = nn.Linear(24 * 9, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.head(x.flatten(1))  # here


def flowers(n, kinds=4):
    kind = torch.randint(0, kinds, (n,))
    colour = torch.eye(3)[kind % 3].view(n, 3, 1, 1)
    spot = torch.zeros(n, 1, 12, 12)
    spot[kind < 2, :, 3:9, 3:9] = 1
    spot[kind >= 2, :, :, 5:7] = 1
    x = colour * spot * 2 + torch.randn(n, 3, 12, 12) * 0.8
    return (x - 0.2) / 1.0, kind


model = PetalNet(classes=10)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)  # fault
# fixed:
model.head = nn.Linear(24 * 9, 4)  # fault
# fixed: model.head = nn.Linear(24 * 9, 4)
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
loss_fn = nn.CrossEntropyLoss()
train_loader = DataLoader(TensorDataset(*flowers(384)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*flowers(96)), batch_size=32)


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        correct = 0
        with torch.no_grad():
            for x, y in val_loader:
                correct += (model(x).argmax(1) == y).sum().item()
        print(f"[{epoch}] {sum(losses) / len(losses):.4f} / {correct / len(val_loader.dataset):.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
