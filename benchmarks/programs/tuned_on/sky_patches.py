"""Which way does the bright streak in a sky patch run? A CNN on 12x12 patches.

code: ND704
also:
object: shrink | AvgPool2d | model
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(67)


def streak(direction):
    img = torch.zeros(12, 12)
    r, c = torch.randint(3, 9, (2,)).tolist()
    dr, dc = [(0, 1), (1, 0), (1, 1), (1, -1)][direction]
    for k in range(-3, 4):
        if 0 <= r + k * dr < 12 and 0 <= c + k * dc < 12:
            img[r + k * dr, c + k * dc] = 2.0
    return img + 0.25 * torch.randn(12, 12)


way = torch.randint(0, 4, (1200,))
sky = torch.stack([streak(k) for k in way.tolist()]).unsqueeze(1)
sky = (sky - sky.mean()) / sky.std()
train_loader = DataLoader(TensorDataset(sky[:1000], way[:1000]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(sky[1000:], way[1000:]), batch_size=200)

shrink = 6  # fault
# fixed: shrink = 1
model = nn.Sequential(
    nn.AvgPool2d(shrink),  # here
    nn.Conv2d(1, 12, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(12, 12, 3, padding=1),
    nn.ReLU(),
    nn.AdaptiveMaxPool2d(1),
    nn.Flatten(),
    nn.Linear(12, 4),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(10):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            val = [(loss_fn(model(a), b).item(), (model(a).argmax(1) == b).float().mean().item()) for a, b in val_loader]
    print("val loss, accuracy", val[0])


if __name__ == "__main__":
    train()
