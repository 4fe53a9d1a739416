"""Swarm warning from two sensors of a beehive: a sound branch and a weight branch.

code: ND501
also:
object: sound | model.sound | no_grad | listen
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader


class Hives(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        r = lambda *s: torch.randn(*s, generator=g)
        self.swarm = (torch.rand(n, generator=g) < 0.5).float()
        t = torch.arange(50)
        hum = torch.sin(t * (0.6 + 0.5 * self.swarm[:, None]) + 3 * r(n, 1))
        self.hum = (hum + 0.9 * r(n, 50)) / 1.15
        self.load = r(n, 7) - 0.5 * self.swarm[:, None] * torch.linspace(0, 1, 7)

    def __len__(self):
        return len(self.swarm)

    def __getitem__(self, i):
        return {"hum": self.hum[i], "load": self.load[i], "swarm": self.swarm[i]}


class HiveNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.sound = nn.Sequential(nn.Conv1d(1, 12, 11), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten())
        self.scale = nn.Sequential(nn.Linear(7, 12), nn.ReLU())
        self.warn = nn.Linear(24, 1)

    @torch.no_grad()  # fault
    # fixed:
    def listen(self, hum):
        return self.sound(hum.unsqueeze(1))  # here

    def forward(self, hum, load):
        both = torch.cat([self.listen(hum), self.scale(load)], 1)  # here
        return self.warn(both).squeeze(1)


torch.manual_seed(205)
model = HiveNet()
bce = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
train_loader = DataLoader(Hives(640, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Hives(160, 1), batch_size=80)


def batch_loss(setup, batch):
    return bce(setup.model(batch["hum"], batch["load"]), batch["swarm"])


def train():
    class Run: pass
    Run.model = model
    for epoch in range(10):
        model.train()
        log = []
        for batch in train_loader:
            loss = batch_loss(Run, batch)
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            log.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(Run, b).item() for b in val_loader) / 2
        print(epoch, sum(log) / len(log), val)
    return sum(log) / len(log)


if __name__ == "__main__":
    print(train())
