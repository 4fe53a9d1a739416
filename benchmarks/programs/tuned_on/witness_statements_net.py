"""Which of many statements names the colour? Attention pooling over the statements of a case.

code: ND304
also: ND301
object: softmax | dim | Case | weight
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(81)
STATEMENTS, SIZE, COLOURS = 24, 10, 5
signs = torch.randn(COLOURS, SIZE - 1) * 1.5


def cases(n):
    said = torch.randn(n, STATEMENTS, SIZE) * 1.5
    said[..., 0] = -1.0
    colour = torch.arange(n) % COLOURS
    who = torch.randint(0, STATEMENTS, (n,))
    said[torch.arange(n), who, 0] = 1.0
    said[torch.arange(n), who, 1:] = signs[colour] + 0.5 * torch.randn(n, SIZE - 1)
    return TensorDataset(said, colour)


train_loader = DataLoader(cases(1000), batch_size=50, shuffle=True)
val_loader = DataLoader(cases(300), batch_size=1)


class Case(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(SIZE, 16), nn.Tanh(), nn.Linear(16, 1))
        self.value = nn.Linear(SIZE, width)
        self.out = nn.Sequential(nn.ReLU(), nn.Linear(width, COLOURS))

    def forward(self, said):
        weight = torch.softmax(self.score(said), dim=0)  # fault
        # fixed: weight = torch.softmax(self.score(said), dim=1)
        return self.out((weight * self.value(said)).sum(1))


model = Case()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(10):
        model.train()
        for said, colour in train_loader:
            optimizer.zero_grad()
            loss_fn(model(said), colour).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(s).argmax(1) == c).sum().item() for s, c in val_loader)
    print("val accuracy %.3f" % (right / 300))


if __name__ == "__main__":
    train()
