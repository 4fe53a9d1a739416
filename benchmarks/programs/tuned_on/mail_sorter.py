"""Reads a postcode digit (scikit-learn's digits) with an MLP-Mixer block.

code: ND401
also: ND305
object: sigmoid | model.out | loss_fn | cross_entropy
seen: checkup
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(206)
bunch = load_digits()
pixels = torch.tensor(bunch.images, dtype=torch.float32)
pixels = (pixels - 4.88) / 6.02
labels = torch.tensor(bunch.target)
order = torch.randperm(len(labels))
fit, held = order[:1400], order[1400:]
TD = torch.utils.data.TensorDataset
train_loader = torch.utils.data.DataLoader(TD(pixels[fit], labels[fit]), batch_size=64, shuffle=True)
val_loader = torch.utils.data.DataLoader(TD(pixels[held], labels[held]), batch_size=128)


class Mixer(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.patch = nn.Conv2d(1, d, 2, stride=2)
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.across = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.within = nn.Sequential(nn.Linear(d, 48), nn.GELU(), nn.Linear(48, d))
        self.out = nn.Linear(d, 10)

    def forward(self, x):
        h = self.patch(x.unsqueeze(1)).flatten(2).transpose(1, 2)
        h = h + self.across(self.n1(h).transpose(1, 2)).transpose(1, 2)
        h = h + self.within(self.n2(h))
        return self.out(h.mean(1)).sigmoid()  # fault
        # fixed: return self.out(h.mean(1))


model = Mixer()
loss_fn = F.cross_entropy  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=8 * len(train_loader))


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = torch.cat([model(x).argmax(1) == y for x, y in val_loader]).float().mean().item()
        print(epoch, total / len(train_loader), acc)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
