"""Four grips of a hand prosthesis from two-channel muscle signals.

code: ND306
also:
object: bn1 | bn2 | bn3 | momentum | BatchNorm1d
seen: watch
"""
import functools
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

Norm = functools.partial(nn.BatchNorm1d, momentum=0.001)  # fault
# fixed: Norm = functools.partial(nn.BatchNorm1d, momentum=0.1)


class GripNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(2, 16, 7, padding=3, bias=False)
        self.bn1 = Norm(16)  # here
        self.conv2 = nn.Conv1d(16, 24, 5, stride=2, padding=2, bias=False)
        self.bn2 = Norm(24)  # here
        self.conv3 = nn.Conv1d(24, 24, 5, stride=2, padding=2, bias=False)
        self.bn3 = Norm(24)  # here
        self.grip = nn.Linear(24, 4)
        self.relu = nn.ReLU()

    def forward(self, emg):
        h = self.relu(self.bn1(self.conv1(emg)))
        h = self.relu(self.bn2(self.conv2(h)))
        h = self.relu(self.bn3(self.conv3(h)))
        return self.grip(h.mean(-1))


def bursts(n, seed):
    g = torch.Generator().manual_seed(seed)
    grip = torch.randint(0, 4, (n,), generator=g)
    t = torch.linspace(0, 1, 80)
    on = 0.2 + 0.3 * torch.rand(n, 1, generator=g)
    envelope = torch.sigmoid((t - on) * 40)
    gain = torch.tensor([[1.0, 0.3], [0.3, 1.0], [1.0, 1.0], [0.35, 0.35]])[grip]
    noise = torch.randn(n, 2, 80, generator=g)
    emg = noise * (0.2 + 1.5 * gain[:, :, None] * envelope[:, None])
    return emg, grip


emg, grip = bursts(1000, 6)
emg = emg / emg[:800].std((0, 2), keepdim=True)
torch.manual_seed(6)
train_loader = DataLoader(TensorDataset(emg[:800], grip[:800]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(emg[800:], grip[800:]), batch_size=100)
model = GripNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def validate():
    model.eval()
    loss, right = 0.0, 0
    with torch.no_grad():
        for x, y in val_loader:
            out = model(x)
            loss += loss_fn(out, y).item() / len(val_loader)
            right += (out.argmax(1) == y).sum().item()
    return loss, right / 200


def train():
    for epoch in range(8):
        model.train()
        running = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            running += loss.item()
        val_loss, acc = validate()
        print(f"{epoch} train {running / len(train_loader):.3f} val {val_loss:.3f} accuracy {acc:.3f}")
    return running / len(train_loader)


if __name__ == "__main__":
    print(train())
