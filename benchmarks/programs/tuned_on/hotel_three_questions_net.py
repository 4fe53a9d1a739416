"""Three marks for a hotel (room, food, staff) from its figures: a trunk with one head a question.

code: ND204
also:
object: heads | Hotel | Linear | ModuleList
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(27)
figures = torch.randn(1200, 7)
room = torch.tanh(figures[:, 0]) + figures[:, 1]
food = figures[:, 2] * figures[:, 3]
staff = -figures[:, 1] + torch.sin(2 * figures[:, 4])
marks = torch.stack([room, food, staff], 1)
marks = (marks - marks.mean(0)) / marks.std(0)
train_loader = DataLoader(TensorDataset(figures[:1000], marks[:1000]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(figures[1000:], marks[1000:]), batch_size=100)


class Hotel(nn.Module):
    def __init__(self, questions=3):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(7, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.heads = nn.ModuleList([nn.Linear(32, 1)] * questions)  # fault
        # fixed: self.heads = nn.ModuleList([nn.Linear(32, 1) for _ in range(questions)])

    def forward(self, x):
        h = self.trunk(x)
        return torch.cat([head(h) for head in self.heads], 1)


model = Hotel()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(15):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val mse %.3f" % (sum(loss_fn(model(a), b).item() for a, b in val_loader) / 2))


if __name__ == "__main__":
    train()
