"""Day-ahead load of a town from two days of hourly load, with a recurrent network.

code: ND503
also: ND202
object: rnn.weight_hh_l0 | model.rnn | spread | reset
seen: checkup
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, Dataset


class Town(Dataset):
    def __init__(self, hours=900, look=48):
        g = torch.Generator().manual_seed(15)
        t = torch.arange(hours)
        load = torch.sin(2 * math.pi * t / 24) + 0.4 * torch.sin(2 * math.pi * t / 168) + 0.15 * torch.randn(hours, generator=g)
        self.load, self.look = load / load.std(), look

    def __len__(self):
        return len(self.load) - self.look - 1

    def __getitem__(self, i):
        return self.load[i:i + self.look, None], self.load[i + self.look]


class LoadNet(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.rnn = nn.RNN(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)
        self.reset(hidden)

    def reset(self, hidden):
        nn.init.normal_(self.rnn.weight_hh_l0, std=3.0 / math.sqrt(hidden))  # fault
        # fixed: nn.init.orthogonal_(self.rnn.weight_hh_l0)
        nn.init.normal_(self.out.weight, std=0.05)

    def forward(self, x):
        h, _ = self.rnn(x)  # here
        return self.out(h[:, -1]).squeeze(-1)


torch.manual_seed(15)
town = Town()
cut = 700
train_loader = DataLoader(Subset(town, range(cut)), batch_size=50, shuffle=True)
val_loader = DataLoader(Subset(town, range(cut + 48, len(town))), batch_size=50)
model = LoadNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train():
    hist = []
    for epoch in range(8):
        model.train()
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            hist.append(loss.item())
        norm = sum(p.grad.norm() ** 2 for p in model.parameters()).sqrt().item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print(f"{epoch} {sum(hist[-14:]) / 14:.4f} val {val:.4f} grad norm {norm:.3g}")
    return sum(hist[-14:]) / 14


if __name__ == "__main__":
    print(train())
