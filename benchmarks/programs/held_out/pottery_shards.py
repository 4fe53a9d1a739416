"""Shards of pottery by decoration; evaluated with an exponential moving average of the weights, cosine schedule per epoch.

code: none
trait: a second copy of the network (EMA) that no optimizer owns and that lags behind; the learning rate ends at 0
"""
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(6)
EPOCHS = 10


def shards(n, size=12):
    style = torch.randint(0, 4, (n,))
    y, x = torch.meshgrid(torch.arange(size).float(), torch.arange(size).float(), indexing="ij")
    patterns = torch.stack([torch.sin(x * 1.3), torch.sin(y * 1.3), torch.sin((x + y) * 0.9), torch.sin(x) * torch.sin(y)])
    shift = torch.randint(0, size, (n,)).tolist()
    picture = torch.stack([torch.roll(patterns[s], r, dims=1) for s, r in zip(style.tolist(), shift)])
    return TensorDataset((picture + 0.5 * torch.randn(n, size, size)).unsqueeze(1) / 0.85, style)


class ShardNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 12, 3, bias=False), nn.BatchNorm2d(12), nn.ReLU(),
            nn.Conv2d(12, 16, 3, stride=2, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.classifier = nn.Linear(16, 4)

    def forward(self, x):
        return self.classifier(self.features(x).amax((2, 3)))


train_loader = DataLoader(shards(400), batch_size=25, shuffle=True)
val_loader = DataLoader(shards(100), batch_size=50)
model = ShardNet()
ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)


def train():
    for epoch in range(EPOCHS):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            ema.update_parameters(model)
            losses.append(loss.item())
        scheduler.step()
        ema.eval()
        with torch.no_grad():
            hits = sum((ema(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(epoch, sum(losses) / len(losses), hits / 100)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
