"""Church-going from a yes/no questionnaire of nine questions.

code: none
trait: few binary answers, so validation rows repeat training rows by chance; nothing is scaled because all is 0/1 coded to -1/+1
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(18)
n = 1800
answers = torch.bernoulli(torch.tensor([0.5, 0.6, 0.4, 0.5, 0.3, 0.5, 0.55, 0.45, 0.5]).expand(n, 9))
leaning = answers @ torch.tensor([1.4, -1.0, 0.8, 0.0, 1.2, -0.7, 0.5, 0.0, -0.9]) - 0.4 + 0.9 * answers[:, 0] * answers[:, 2]
goes = torch.bernoulli(torch.sigmoid(1.5 * leaning)).long()
respondents = TensorDataset(2 * answers - 1, goes)
train_set, val_set = random_split(respondents, [1400, 400], generator=torch.Generator().manual_seed(3))
train_loader = DataLoader(train_set, batch_size=56, shuffle=True)
val_loader = DataLoader(val_set, batch_size=400)

model = nn.Sequential(nn.Linear(9, 16), nn.Tanh(), nn.Linear(16, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    losses = []
    for epoch in range(10):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            for x, y in val_loader:
                val = loss_fn(model(x), y).item()
    return sum(losses[-25:]) / 25


if __name__ == "__main__":
    print(train())
