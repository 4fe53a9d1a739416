"""Car, van or lorry, from the magnetic profile over a loop in the road.

code: ND406
also:
object: bias | head | counts | LoopNet
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(53)
KINDS = ["car", "van", "lorry"]


def profiles(n):
    kind = torch.multinomial(torch.tensor([0.5, 0.3, 0.2]), n, replacement=True)
    place = torch.linspace(0, 1, 32)[None]
    start = 0.1 + 0.2 * torch.rand(n, 1)
    length = torch.tensor([0.2, 0.35, 0.5])[kind][:, None] + 0.03 * torch.randn(n, 1)
    body = torch.sigmoid((place - start) * 40) - torch.sigmoid((place - start - length) * 40)
    return (2 * body - 0.6 + 0.5 * torch.randn(n, 32))[:, None], kind


class LoopNet(nn.Module):
    def __init__(self, counts):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv1d(1, 12, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(12, 16, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(),
        )
        self.head = nn.Linear(16 * 8, len(counts))
        # begin at the shares seen in the training data
        with torch.no_grad():
            self.head.bias.copy_(counts)  # fault
            # fixed: self.head.bias.copy_(torch.log(counts / counts.sum()))

    def forward(self, x):
        return self.head(self.trunk(x))


x, y = profiles(2000)
train_loader = DataLoader(TensorDataset(x[:1500], y[:1500]), batch_size=25, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1500:], y[1500:]), batch_size=500)
model = LoopNet(torch.bincount(y[:1500], minlength=len(KINDS)).float())
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def train():
    first = None
    for epoch in range(3):
        model.train()
        for profile, kind in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(profile), kind)
            first = loss.item() if first is None else first
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        for profile, kind in val_loader:
            out = model(profile)
            print(f"first {first:.2f} val loss {loss_fn(out, kind):.3f} acc {(out.argmax(1) == kind).float().mean():.3f}")


if __name__ == "__main__":
    train()
