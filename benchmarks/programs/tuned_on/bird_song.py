"""Which of four birds sings? A learnable filter bank in front of a small classifier.

code: ND501
also:
object: bank | model.bank | detach | compress | bank.weight
seen: checkup
"""
import numpy as np
import torch
from torch import nn

RATE, LENGTH = 400, 200
rs = np.random.RandomState(44)


def song(bird):
    t = np.arange(LENGTH) / RATE
    f0 = [30, 55, 80, 120][bird] * (1 + 0.05 * rs.randn())
    s = np.sin(2 * np.pi * f0 * t + rs.rand() * 6) * (1 + 0.5 * np.sin(2 * np.pi * [3, 8, 3, 8][bird] * t))
    return (s + 0.8 * rs.randn(LENGTH)).astype(np.float32)


class Songs(torch.utils.data.Dataset):
    def __init__(self, n):
        self.y = rs.randint(0, 4, n)
        self.x = np.stack([song(b) for b in self.y])

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return torch.from_numpy(self.x[i]), int(self.y[i])


class BirdNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.bank = nn.Conv1d(1, 16, 41, stride=4, bias=False)
        self.norm = nn.LayerNorm(16)
        self.top = nn.Linear(16, 4)

    def compress(self, power):
        logs = np.log1p(power.detach().numpy())  # fault
        # fixed: logs = torch.log1p(power)
        return torch.as_tensor(logs)  # here

    def forward(self, wave):
        power = self.bank(wave[:, None]).square().mean(-1)
        return self.top(self.norm(self.compress(power)))  # here


torch.manual_seed(44)
model = BirdNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
train_loader = torch.utils.data.DataLoader(Songs(400), batch_size=40, shuffle=True)
val_loader = torch.utils.data.DataLoader(Songs(120), batch_size=60)


def train(epochs=10):
    for epoch in range(epochs):
        model.train()
        log = []
        for wave, bird in train_loader:
            loss = loss_fn(model(wave), bird)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            log.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = np.mean([(model(w).argmax(1) == b).float().mean().item() for w, b in val_loader])
        print(epoch, np.mean(log), acc)
    return float(np.mean(log))


if __name__ == "__main__":
    print(train())
