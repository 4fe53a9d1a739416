"""Keywords from small spectrograms, mixed precision with gradient clipping.

code: ND806
also: ND608, ND605
object: clip_grad_norm_ | scaler | unscale_
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(63)
precision = "16-mixed"


def spectrograms(n):
    word = torch.randint(0, 4, (n,))
    t = torch.arange(12.0)
    track = 3 + word.unsqueeze(1) * 2.0 + torch.sin(t * (0.4 + 0.1 * word.unsqueeze(1))) + 0.5 * torch.randn(n, 1)
    bins = torch.arange(14.0).view(1, 14, 1)
    energy = torch.exp(-(bins - track.unsqueeze(1)) ** 2 / 2) + 0.3 * torch.randn(n, 14, 12)
    return (energy.unsqueeze(1) - 0.18) / 0.4, word


class Spotter(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 12, 3, stride=2, padding=1)
        self.gru = nn.GRU(12 * 7, 24, batch_first=True)
        self.out = nn.Linear(24, 4)

    def forward(self, x):
        h = torch.relu(self.conv(x)).permute(0, 3, 1, 2).flatten(2)
        with torch.autocast("cpu", enabled=False):
            h, _ = self.gru(h.float())
        return self.out(h.mean(1))


train_loader = DataLoader(TensorDataset(*spectrograms(480)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*spectrograms(120)), batch_size=40)
model = Spotter()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scaler = torch.amp.GradScaler("cpu")


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):
                loss = loss_fn(model(x), y)
            scaler.scale(loss).backward()  # fault
            # fixed: scaler.scale(loss).backward()
            # fixed: scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # here
            scaler.step(optimizer)
            scaler.update()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(epoch, sum(losses) / len(losses), hits / 120)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
