"""Three bird calls told apart from 16-bit recordings by a 1-D convolutional net.

code: ND102
also:
object: read_clip | waveform | Clips | train_loader
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split

torch.manual_seed(13)
RATE, LENGTH = 4000, 512


def record(kind):
    t = torch.arange(LENGTH) / RATE
    base = {0: 500.0, 1: 700.0, 2: 700.0}[kind] * (1 + 0.05 * torch.randn(()))
    if kind == 2:
        phase = 2 * torch.pi * (base * t + 1500 * t * t)
    else:
        phase = 2 * torch.pi * base * t
    wave = torch.sin(phase + 6.28 * torch.rand(())) * (0.3 + 0.4 * torch.rand(())) + 0.25 * torch.randn(LENGTH)
    return (wave.clamp(-1, 1) * 32767).to(torch.int16)


class Clips(Dataset):
    def __init__(self, n):
        self.kind = torch.randint(0, 3, (n,))
        self.pcm = [record(int(k)) for k in self.kind]

    def __len__(self):
        return len(self.pcm)

    def read_clip(self, i):
        clip = self.pcm[i]
        return clip.float()[None]  # fault
        # fixed: return clip.float()[None] / 32768 * 2.5

    def __getitem__(self, i):
        return self.read_clip(i), self.kind[i]  # here


train_set, val_set = random_split(Clips(600), [480, 120])  # here
train_loader = DataLoader(train_set, batch_size=32, shuffle=True, drop_last=True)  # here
val_loader = DataLoader(val_set, batch_size=60)


class CallNet(nn.Module):
    def __init__(self, classes=3):
        super().__init__()
        self.front = nn.Conv1d(1, 16, 33, stride=4)
        self.mid = nn.Conv1d(16, 24, 9, stride=2)
        self.head = nn.Linear(24, classes)

    def forward(self, w):
        h = torch.relu(self.front(w))
        h = torch.relu(self.mid(h))
        return self.head(h.amax(-1))


model = CallNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9, nesterov=True)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)


def train():
    for epoch in range(10):
        model.train()
        mean = 0.0
        for w, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(w), y)
            loss.backward()
            optimizer.step()
            mean += loss.item() / len(train_loader)
        scheduler.step()
        model.eval()
        with torch.inference_mode():
            right = sum((model(w).argmax(1) == y).sum().item() for w, y in val_loader)
    return mean


if __name__ == "__main__":
    print(train())
