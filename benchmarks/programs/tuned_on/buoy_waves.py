"""Wave height classes from buoy accelerations: bidirectional LSTM in a home-made Trainer.

code: ND602
also: ND603
object: optimizer.zero_grad | optimizer | fit_batch | zero_grad
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Accelerations(Dataset):
    def __init__(self, size, seed):
        gen = torch.Generator().manual_seed(seed)
        self.sea = torch.randint(0, 4, (size,), generator=gen)
        t = torch.arange(30.0)
        amp = 0.5 + 0.5 * self.sea.float()
        per = 9.0 - 1.5 * self.sea.float()
        ph = 6.28 * torch.rand(size, 1, generator=gen)
        up = amp[:, None] * torch.sin(6.28 * t / per[:, None] + ph)
        self.acc = torch.stack([up, up.roll(2, 1) * 0.5, torch.randn(size, 30, generator=gen)], 2) + 0.3 * torch.randn(size, 30, 3, generator=gen)

    def __len__(self):
        return len(self.sea)

    def __getitem__(self, i):
        return self.acc[i], self.sea[i]


class WaveNet(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.lstm = nn.LSTM(3, hidden, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(2 * hidden, 4)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.fc(out.mean(1))


class Trainer:
    def __init__(self, net, opt, criterion, max_norm=5.0):
        self.net, self.opt, self.criterion, self.max_norm = net, opt, criterion, max_norm

    def fit_batch(self, x, y):
        loss = self.criterion(self.net(x), y)
        loss.backward()  # fault
        # fixed: self.opt.zero_grad()
        # fixed: loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), self.max_norm)
        self.opt.zero_grad()  # fault
        # fixed:
        self.opt.step()  # here
        return loss.detach()

    @torch.no_grad()
    def score(self, loader):
        self.net.eval()
        hits = sum((self.net(x).argmax(1) == y).sum().item() for x, y in loader)
        self.net.train()
        return hits / len(loader.dataset)


torch.manual_seed(22)
train_loader = DataLoader(Accelerations(512, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Accelerations(128, 1), batch_size=64)
model = WaveNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    trainer = Trainer(model, optimizer, loss_fn)
    for epoch in range(7):
        losses = torch.stack([trainer.fit_batch(x, y) for x, y in train_loader])
        print(epoch, losses.mean().item(), trainer.score(val_loader))
    return losses.mean().item()


if __name__ == "__main__":
    print(train())
