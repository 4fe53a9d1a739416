"""Which volcano did the ash come from? Major-element glass chemistry, deep MLP.

code: ND202
also: ND406, ND503
object: init_weights | model.net | net.0.weight | weight | model | model.net.0.weight
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(79)
OXIDES = "SiO2 TiO2 Al2O3 FeO MnO MgO CaO Na2O K2O".split()
VOLCANOES = 5


def glass(n_per):
    g = torch.Generator().manual_seed(79)
    base = torch.tensor([66., 0.7, 15.5, 4.0, 0.12, 1.2, 3.2, 4.3, 3.4])
    spread = torch.tensor([4., 0.3, 1.2, 1.5, 0.04, 0.7, 1.3, 0.6, 0.9])
    means = base + spread * torch.randn(VOLCANOES, 9, generator=g)
    x = torch.cat([m + 0.55 * spread * torch.randn(n_per, 9, generator=g) for m in means])
    return x, torch.arange(VOLCANOES).repeat_interleave(n_per), g


x, y, g = glass(120)
shuffled = torch.randperm(len(x), generator=g)
tr, va = shuffled[:480], shuffled[480:]
x = (x - x[tr].mean(0)) / x[tr].std(0)
train_loader = DataLoader(TensorDataset(x[tr], y[tr]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x[va], y[va]), batch_size=120)


class SourceNet(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(n_in, n_hidden), nn.ReLU(),
            nn.Linear(n_hidden, n_hidden), nn.ReLU(),
            nn.Linear(n_hidden, n_hidden), nn.ReLU(),
            nn.Linear(n_hidden, n_out))

    def forward(self, x):
        return self.net(x)


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.normal_(m.weight)  # fault
        # fixed: nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)


model = SourceNet(len(OXIDES), 96, VOLCANOES)
model.apply(init_weights)  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)


def train(epochs=10):
    for epoch in range(epochs):
        model.train()
        s = 0.0
        for xb, yb in train_loader:
            loss = loss_fn(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            s += loss.item()
        s /= len(train_loader)
        model.eval()
        with torch.no_grad():
            acc = [(model(a).argmax(1) == b).float().mean().item() for a, b in val_loader]
        print(epoch, round(s, 4), round(acc[0], 3))
    return s


if __name__ == "__main__":
    print(train())
