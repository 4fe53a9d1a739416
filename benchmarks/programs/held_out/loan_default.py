"""Probability that a loan defaults: categorical grade plus numbers, one output.

code: ND404
also: ND305
object: CrossEntropyLoss | loss_fn | output | head
seen: checkup
"""
import torch
from torch import nn, optim
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(180)


class Loans(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.numbers = torch.randn(n, 5, generator=g)
        self.grade = torch.randint(0, 7, (n,), generator=g)
        score = 0.45 * (self.grade.float() - 3) + self.numbers[:, 0] - 0.8 * self.numbers[:, 1] + 0.5 * self.numbers[:, 2] * self.numbers[:, 3]
        self.default = (torch.rand(n, generator=g) < torch.sigmoid(2 * score)).float().unsqueeze(1)

    def __len__(self):
        return len(self.grade)

    def __getitem__(self, k):
        return self.numbers[k], self.grade[k], self.default[k]


class LoanModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.grade = nn.Embedding(7, 4)
        self.body = nn.Sequential(nn.Linear(9, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU())
        self.output = nn.Linear(16, 1)

    def forward(self, numbers, grade):
        return self.output(self.body(torch.cat([numbers, self.grade(grade)], dim=1)))  # here


train_loader = DataLoader(Loans(1200, 0), batch_size=60, shuffle=True)
val_loader = DataLoader(Loans(300, 1), batch_size=100)
model = LoanModel()
loss_fn = nn.CrossEntropyLoss()  # fault
# fixed: loss_fn = nn.BCEWithLogitsLoss()
optimizer = optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    numbers, grade, default = batch
    return loss_fn(setup.model(numbers, grade), default)  # here


def train():
    class S: pass
    s = S(); s.model = model
    for epoch in range(8):
        model.train()
        train_losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(s, batch)
            loss.backward()
            optimizer.step()
            train_losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            guess = torch.cat([(model(a, b) > 0) == (d > 0.5) for a, b, d in val_loader])
        print(epoch, sum(train_losses) / len(train_losses), guess.float().mean().item())
    return sum(train_losses) / len(train_losses)


if __name__ == "__main__":
    print(train())
