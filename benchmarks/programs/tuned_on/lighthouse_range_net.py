"""How far a lighthouse is seen, from weather and lamp, by a net with two hidden layers.

code: ND307
also: ND202 | ND501
object: bias | constant_ | prepare | model
seen: both
"""
import torch
from sklearn.datasets import make_friedman1
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(41)
x, y = make_friedman1(1300, n_features=6, noise=0.3, random_state=41)
x = torch.tensor((x - 0.5) / 0.289).float()
y = torch.tensor((y - y.mean()) / y.std()).float().unsqueeze(1)
train_loader = DataLoader(TensorDataset(x[:1000], y[:1000]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1000:], y[1000:]), batch_size=100)


class Range(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 64)
        self.second = nn.Linear(64, 64)
        self.last = nn.Linear(64, 1)
        self.prepare()

    def prepare(self):
        for layer in (self.first, self.second):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.constant_(layer.bias, -25.0)  # fault
            # fixed: nn.init.constant_(layer.bias, 0.0)

    def forward(self, x):
        x = torch.relu(self.first(x))
        x = torch.relu(self.second(x))
        return self.last(x)


model = Range()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(15):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val mse %.3f" % (sum(loss_fn(model(a), b).item() for a, b in val_loader) / 3))


if __name__ == "__main__":
    train()
