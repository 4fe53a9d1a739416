"""Splice sites in DNA windows with rates that fall from layer to layer (as in ULMFiT).

code: ND605
also:
object: optimizer | layer_groups | LAYER_DECAY | param_groups | lr
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BASES, WIN = 4, 24
LAYER_DECAY = 0.02  # fault
# fixed: LAYER_DECAY = 0.85


class SpliceNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv1d(BASES, 24, 5, padding=2)
        self.mid = nn.Conv1d(24, 24, 5, padding=2)
        self.top = nn.Linear(24 * 6, 32)
        self.head = nn.Linear(32, 3)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        x = nn.functional.max_pool1d(torch.relu(self.mid(x)), 4)
        return self.head(torch.relu(self.top(x.flatten(1))))


def layer_groups(net, lr):
    """head first, then down to the stem, each a little slower than the one above"""
    groups = []
    for module in reversed(list(net.children())):
        lr = lr * LAYER_DECAY  # here
        groups.append({"params": module.parameters(), "lr": lr})
    return groups


def windows(n, seed):
    g = torch.Generator().manual_seed(seed)
    s = torch.randint(0, 4, (n, WIN), generator=g)
    y = torch.randint(0, 3, (n,), generator=g)
    donor, acceptor = torch.tensor([2, 3, 0, 2]), torch.tensor([3, 1, 0, 2])
    s[y == 1, 10:14] = donor
    s[y == 2, 10:14] = acceptor
    flip = torch.rand(n, WIN, generator=g) < 0.02
    s = torch.where(flip, torch.randint(0, 4, (n, WIN), generator=g), s)
    x = nn.functional.one_hot(s, 4).float().transpose(1, 2)
    return TensorDataset((x - 0.25) / 0.433, y)


torch.manual_seed(3)
train_loader = DataLoader(windows(1800, 1), batch_size=60, shuffle=True)
val_loader = DataLoader(windows(240, 2), batch_size=120)
model = SpliceNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(layer_groups(model, 1e-3))  # here


def evaluate():
    model.eval()
    with torch.no_grad():
        v = sum(loss_fn(model(x), y).item() * len(y) for x, y in val_loader) / 240
    model.train()
    return v


def train():
    for epoch in range(11):
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(epoch, sum(losses) / len(losses), evaluate())
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
