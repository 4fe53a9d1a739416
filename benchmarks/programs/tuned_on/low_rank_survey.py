"""Completes survey answers: a linear autoencoder (PCA by gradient) on centred Likert items.

code: none
trait: linear layers on top of each other with nothing between, on purpose (a rank-4 bottleneck); targets equal inputs
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)
people = torch.randn(900, 4) @ torch.randn(4, 20) * 0.5 + 0.3 * torch.randn(900, 20)
people = (people - people[:720].mean(0)) / people[:720].std(0)


class RankFour(nn.Module):
    def __init__(self):
        super().__init__()
        self.analyse = nn.Linear(20, 4, bias=False)
        self.synthesise = nn.Linear(4, 20, bias=False)

    def forward(self, answers):
        return self.synthesise(self.analyse(answers))


train_loader = DataLoader(TensorDataset(people[:720], people[:720]), batch_size=60, shuffle=True)
val_loader = DataLoader(TensorDataset(people[720:], people[720:]), batch_size=180)
model = RankFour()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def train():
    for _ in range(12):
        model.train()
        total = 0.0
        for x, t in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), t)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            explained = [1 - loss_fn(model(x), t).item() / t.var().item() for x, t in val_loader]
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
