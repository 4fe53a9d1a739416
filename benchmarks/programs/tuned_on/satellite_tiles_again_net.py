"""Land use of 10x10 satellite tiles with a conv net and a cyclic learning rate.

code: ND706
also: ND606 | ND604
object: max_lr | scheduler | CyclicLR
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(113)
USES = 5
palettes = torch.randn(USES, 3, 1, 1) * 0.7
grain = torch.randn(USES, 3, 10, 10) * 0.5
use = torch.randint(0, USES, (1300,))
tiles = palettes[use] + grain[use] + torch.randn(1300, 3, 10, 10)
tiles = (tiles - tiles.mean((0, 2, 3), keepdim=True)) / tiles.std((0, 2, 3), keepdim=True)
train_loader = DataLoader(TensorDataset(tiles[:1050], use[:1050]), batch_size=35, shuffle=True)
val_loader = DataLoader(TensorDataset(tiles[1050:], use[1050:]), batch_size=125)


class TileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.head = nn.Linear(16 * 25, USES)

    def forward(self, x):
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.conv2(x))
        return self.head(x.flatten(1))


model = TileNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
scheduler = torch.optim.lr_scheduler.CyclicLR(
    optimizer,
    base_lr=0.005,
    max_lr=0.45,  # fault
    # fixed: max_lr=0.02,
    step_size_up=30,
    cycle_momentum=False,
)
history = []


def train():
    for epoch in range(10):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            scheduler.step()
            history.append(loss.item())


if __name__ == "__main__":
    train()
