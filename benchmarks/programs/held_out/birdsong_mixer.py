"""Eight bird species from small spectrogram patches, an MLP-Mixer of two blocks.

code: ND406
also: ND202
object: head | sqrt | scale | logits
seen: checkup
"""
import torch
from torch import nn

torch.manual_seed(240)
SPECIES, PATCHES, BANDS, WIDTH = 8, 10, 12, 96
song = torch.randn(SPECIES, 4, BANDS)


def recordings(n):
    y = torch.randint(0, SPECIES, (n,))
    x = 0.8 * torch.randn(n, PATCHES, BANDS)
    start = torch.randint(0, PATCHES - 3, (n,))
    for i in range(n):
        x[i, start[i]:start[i] + 4] += song[y[i]]
    return x, y


class MixerBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.tokens = nn.Sequential(nn.Linear(PATCHES, 20), nn.GELU(), nn.Linear(20, PATCHES))
        self.channels = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))

    def forward(self, x):
        x = x + self.tokens(self.n1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.n2(x))


class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Linear(BANDS, WIDTH)
        self.blocks = nn.Sequential(MixerBlock(), MixerBlock())
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, SPECIES)  # here

    def forward(self, x):
        h = self.norm(self.blocks(self.patch(x)).mean(1))
        return self.head(h) * WIDTH ** 0.5  # fault
        # fixed: return self.head(h)


x, y = recordings(900)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[:750], y[:750]), batch_size=50, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[750:], y[750:]), batch_size=75)
model = Mixer()
loss_fn = nn.CrossEntropyLoss()  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=6 * len(train_loader))


def train():
    for epoch in range(6):
        model.train()
        total = []
        for clip, species in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(clip), species)  # here
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            total.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(c).argmax(1) == s).sum().item() for c, s in val_loader) / 150
        print(f"{epoch} first {total[0]:.2f} mean {sum(total) / len(total):.3f} acc {acc:.3f}")
    return sum(total) / len(total)


if __name__ == "__main__":
    print(train())
