"""Kinds of glass from chemistry: a wide network, kept from overfitting with dropout.

code: ND608
also: ND306
object: drop1 | drop2 | Dropout | keep
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(66)


class GlassNet(nn.Module):
    def __init__(self, keep=0.97):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(9, 64), nn.Linear(64, 64), nn.Linear(64, 6)
        self.drop1 = nn.Dropout(keep)  # fault
        # fixed: self.drop1 = nn.Dropout(1 - keep)
        self.drop2 = nn.Dropout(keep)  # fault
        # fixed: self.drop2 = nn.Dropout(1 - keep)

    def forward(self, x):
        x = self.drop1(torch.relu(self.fc1(x)))  # here
        x = self.drop2(torch.relu(self.fc2(x)))  # here
        return self.fc3(x)


centres = torch.randn(6, 9) * 1.3
kind = torch.randint(0, 6, (700,))
chemistry = (centres[kind] + 0.7 * torch.randn(700, 9)) / 1.5
train_set, val_set = random_split(TensorDataset(chemistry, kind), [560, 140])
train_loader = DataLoader(train_set, batch_size=28, shuffle=True)
val_loader = DataLoader(val_set, batch_size=70)
model = GlassNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(f"{epoch}: {sum(losses) / len(losses):.4f}, validation {hits / 140:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
