"""Sperm whale clicks in hydrophone clips (1-D CNN); every clip is levelled inside the network.

code: ND308
also: ND310
object: normalize | level | std | WhaleNet | front | model | Leveller
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

LENGTH = 256


class Hydrophone(Dataset):
    """Half the clips hold clicks. Where the recorder was off, the clip is filled up with zeros."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        t = torch.arange(60.0)
        click = torch.exp(-t / 6) * torch.sin(t * 1.3)
        self.clips, self.labels = [], []
        for i in range(n):
            y = int(torch.rand(1, generator=g) < 0.5)
            gain = torch.empty(1).uniform_(0.3, 3.0, generator=g)
            x = 0.12 * torch.randn(LENGTH, generator=g)
            if y:
                for _ in range(int(torch.randint(1, 4, (1,), generator=g))):
                    s = int(torch.randint(0, LENGTH - 60, (1,), generator=g))
                    x[s:s + 60] += click
            elif torch.rand(1, generator=g) < 0.08:
                x = torch.zeros(LENGTH)
            self.clips.append(gain * x)
            self.labels.append(y)

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, i):
        return self.clips[i], torch.tensor([float(self.labels[i])])


class Leveller(nn.Module):
    def forward(self, wave):
        mean = wave.mean(dim=-1, keepdim=True)
        std = wave.std(dim=-1, keepdim=True)
        return (wave - mean) / std  # fault
        # fixed: return (wave - mean) / (std + 1e-5)


class WhaleNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.front = Leveller()
        self.conv = nn.Sequential(
            nn.Conv1d(1, 12, 11, stride=2, padding=5), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(12, 24, 7, stride=2, padding=3), nn.ReLU(), nn.AdaptiveMaxPool1d(4))
        self.fc = nn.Linear(96, 1)

    def forward(self, wave):
        x = self.front(wave).unsqueeze(1)  # here
        return self.fc(self.conv(x).flatten(1))


torch.manual_seed(33)
train_loader = DataLoader(Hydrophone(400, 0), batch_size=25, shuffle=True)
val_loader = DataLoader(Hydrophone(100, 1), batch_size=50)
model = WhaleNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    for epoch in range(6):
        model.train()
        total = 0.0
        for wave, y in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_fn(model(wave), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.inference_mode():
            hits = sum(((model(w) > 0) == (y > 0.5)).sum().item() for w, y in val_loader)
        print(f"epoch={epoch} loss={total / len(train_loader):.4f} acc={hits / len(val_loader.dataset):.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
