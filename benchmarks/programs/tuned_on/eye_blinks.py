"""Detects blinks, glances and rest in windows of an EOG recording.

code: ND104
also:
object: events | EogStream | label | event
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

W = 64


class EogStream(Dataset):
    """One long recording; window i covers samples i*W .. (i+1)*W and has one event."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.events = torch.randint(0, 3, (n + 1,), generator=g)
        t = torch.linspace(0, 1, W)
        parts = []
        for e in self.events:
            at = 0.3 + 0.4 * torch.rand(1, generator=g)
            if e == 1:
                s = 3 * torch.exp(-((t - at) / 0.05) ** 2)
            elif e == 2:
                s = 1.5 * torch.tanh((t - at) / 0.03)
            else:
                s = torch.zeros(W)
            parts.append(s + 0.4 * torch.randn(W, generator=g))
        self.signal = torch.cat(parts)
        self.signal = (self.signal - self.signal.mean()) / self.signal.std()

    def __len__(self):
        return len(self.events) - 1

    def __getitem__(self, i):
        window = self.signal[i * W:(i + 1) * W]
        return {"eog": window[None], "event": self.events[i + 1]}  # fault
        # fixed: return {"eog": window[None], "event": self.events[i]}


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(1, 16, 7, stride=2, padding=3), nn.ReLU(), nn.Conv1d(16, 32, 5, stride=2, padding=2), nn.ReLU())
        self.head = nn.Linear(64, 3)

    def forward(self, eog):
        h = self.conv(eog)
        return self.head(torch.cat([h.mean(-1), h.amax(-1)], 1))


class Trainer:
    def __init__(self, model, optimizer, loss_fn):
        self.model, self.optimizer, self.loss_fn = model, optimizer, loss_fn

    def step(self, batch):
        self.optimizer.zero_grad()
        loss = self.loss_fn(self.model(batch["eog"]), batch["event"])  # here
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def accuracy(self, loader):
        self.model.eval()
        hits = [(self.model(b["eog"]).argmax(1) == b["event"]).float() for b in loader]
        self.model.train()
        return torch.cat(hits).mean().item()


torch.manual_seed(9)
train_loader = DataLoader(EogStream(600, 1), batch_size=40, shuffle=True)  # here
val_loader = DataLoader(EogStream(150, 2), batch_size=50)
model = Detector()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["eog"]), batch["event"])


def train():
    trainer = Trainer(model, optimizer, loss_fn)
    model.train()
    for epoch in range(8):
        losses = [trainer.step(batch) for batch in train_loader]
        acc = trainer.accuracy(val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
