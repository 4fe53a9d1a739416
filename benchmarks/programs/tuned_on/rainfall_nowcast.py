"""Nowcasting: the next radar frame from four past frames with a ConvLSTM cell. random_split of one dataset.

code: ND110
also: 
object: val_loader | RadarSequences | augment | val_set | random_split
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset, random_split


class RadarSequences(Dataset):
    def __init__(self, n=240, size=16, augment=False, seed=0):
        gen = torch.Generator().manual_seed(seed)
        yy, xx = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        start = torch.rand(n, 2, generator=gen) * 8 + 3
        wind = torch.rand(n, 2, generator=gen) * 1.6 - 0.8
        clips = []
        for s, w in zip(start, wind):
            frames = [torch.exp(-(((yy - s[0] - w[0] * t) ** 2 + (xx - s[1] - w[1] * t) ** 2) / 6.0)) for t in range(5)]
            clips.append(torch.stack(frames))
        self.clips = (torch.stack(clips) - 0.07) / 0.18 + 0.1 * torch.randn(n, 5, size, size, generator=gen)
        self.augment = augment

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, i):
        clip = self.clips[i]
        if self.augment:
            clip = torch.rot90(clip, int(torch.randint(0, 4, ())), (-2, -1))
            clip = clip * (0.7 + 0.6 * torch.rand(()))
            clip = torch.cat([clip[:4] + 0.5 * torch.randn_like(clip[:4]), clip[4:]])
        return clip[:4, None], clip[4:]


class ConvLSTMCell(nn.Module):
    def __init__(self, cin, hidden):
        super().__init__()
        self.hidden = hidden
        self.gates = nn.Conv2d(cin + hidden, 4 * hidden, 3, padding=1)

    def forward(self, x, state):
        h, c = state
        i, f, o, g = self.gates(torch.cat([x, h], 1)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class Nowcaster(nn.Module):
    def __init__(self, hidden=12):
        super().__init__()
        self.cell = ConvLSTMCell(1, hidden)
        self.out = nn.Conv2d(hidden, 1, 3, padding=1)

    def forward(self, past):
        h = c = past.new_zeros(past.shape[0], self.cell.hidden, *past.shape[-2:])
        for t in range(past.shape[1]):
            h, c = self.cell(past[:, t], (h, c))
        return past[:, -1] + self.out(h)


torch.manual_seed(0)
radar = RadarSequences(augment=True)  # here
train_set, val_set = random_split(radar, [200, 40], generator=torch.Generator().manual_seed(1))
train_loader = DataLoader(train_set, batch_size=20, shuffle=True)
val_loader = DataLoader(val_set, batch_size=20)  # fault
# fixed: val_loader = DataLoader(Subset(RadarSequences(augment=False), val_set.indices), batch_size=20)

model = Nowcaster()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=6, eta_min=1e-4)


def train():
    for epoch in range(6):
        model.train()
        fit = []
        for past, future in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(past), future)
            loss.backward()
            optimizer.step()
            fit.append(loss.item())
        scheduler.step()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(p), f).item() for p, f in val_loader) / len(val_loader)
    print("val", val)
    return sum(fit) / len(fit)


if __name__ == "__main__":
    print(train())
