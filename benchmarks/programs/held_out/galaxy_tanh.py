"""Galaxy types from photometric features with a deep tanh network.

code: ND202
also: ND307
object: init_weights | net.0.weight | net.2.weight | net.4.weight | net.6.weight | net
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)


def survey(n, centres):
    kind = torch.randint(0, 4, (n,))
    x = centres[kind] * (1 + 0.2 * torch.randn(n, 1)) + torch.randn(n, 24)
    return TensorDataset(x / 1.25, kind)


centres = 0.75 * torch.randn(4, 24)
train_loader = DataLoader(survey(1200, centres), batch_size=48, shuffle=True)
val_loader = DataLoader(survey(300, centres), batch_size=100)


class GalaxyNet(nn.Module):
    def __init__(self, width=128):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(24, width), nn.Tanh(),
            nn.Linear(width, width), nn.Tanh(),
            nn.Linear(width, width), nn.Tanh(),
            nn.Linear(width, 4))
        self.apply(self.init_weights)

    @staticmethod
    def init_weights(module):
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, mean=0.0, std=1.0)  # fault
            # fixed: nn.init.xavier_normal_(module.weight)
            nn.init.zeros_(module.bias)

    def forward(self, x):
        return self.net(x)


model = GalaxyNet()  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for x, kind in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), kind)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(1) == k).sum().item() for x, k in val_loader) / 300
        print(epoch, sum(losses) / len(losses), acc)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
