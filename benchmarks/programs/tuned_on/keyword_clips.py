"""Spoken keywords ("yes", "no", "stop", "go") from small synthetic log spectrograms.

code: ND401
also:
object: softmax | loss_fn
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(10)
LABELS = ("yes", "no", "stop", "go")
SR, FRAME, N_FRAMES = 1600, 64, 20


def clip(k, g):
    t = torch.arange(FRAME * N_FRAMES) / SR
    jitter = 1 + 0.08 * torch.randn((), generator=g)
    start = {0: 150, 1: 450, 2: 300, 3: 300}[k] * jitter
    slope = {0: 350, 1: -350, 2: 0, 3: 450}[k]
    env = torch.exp(-((t - 0.4) / 0.2) ** 2)
    if k == 2:
        env = env * (torch.sin(2 * torch.pi * 6 * t) > 0)
    wave = env * torch.sin(2 * torch.pi * (start * t + 0.5 * slope * t ** 2))
    return wave + 0.25 * torch.randn(len(t), generator=g)


def log_spec(wave):
    spec = torch.stft(wave, n_fft=FRAME, hop_length=FRAME, window=torch.hann_window(FRAME), return_complex=True).abs()
    spec = (spec + 1e-3).log()
    return ((spec - spec.mean()) / spec.std())[None]


class Clips(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.y = torch.randint(0, 4, (n,), generator=g)
        self.x = [log_spec(clip(int(k), g)) for k in self.y]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class KeywordNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d((2, 1)),
            nn.AdaptiveAvgPool2d((4, 5)),
        )
        self.fc1 = nn.Linear(16 * 20, 32)
        self.fc2 = nn.Linear(32, len(LABELS))
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        x = self.conv(x).flatten(1)
        x = torch.relu(self.fc1(x))
        x = self.fc2(x)
        return self.softmax(x)  # fault
        # fixed: return x


train_loader = DataLoader(Clips(480, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Clips(160, 1), batch_size=80)
model = KeywordNet()
loss_fn = nn.CrossEntropyLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(n_epochs=6):
    for epoch in range(1, n_epochs + 1):
        model.train()
        run = 0.0
        for spec, target in train_loader:
            output = model(spec)
            loss = loss_fn(output, target)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run += loss.item()
        model.eval()
        correct = 0
        with torch.no_grad():
            for spec, target in val_loader:
                correct += model(spec).argmax(dim=-1).eq(target).sum().item()
        print(f"Train Epoch: {epoch}\tLoss: {run / len(train_loader):.6f}\tAccuracy: {correct}/{len(val_loader.dataset)}")
    return run / len(train_loader)


if __name__ == "__main__":
    print(train())
