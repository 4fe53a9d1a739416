"""Which of three gaits? A GRU over accelerometer windows, own init routine.

code: ND201
also:
object: rnn | rnn.weight_ih_l0 | rnn.weight_hh_l0 | readout | readout.weight
seen: both
"""
import math
import torch
import torch.nn as nn

torch.manual_seed(3)


def windows(n):
    gait = torch.randint(0, 3, (n,))
    t = torch.arange(30) / 10
    freq = torch.tensor([0.8, 1.3, 2.0])[gait][:, None]
    phase = torch.rand(n, 1) * 2 * math.pi
    up = torch.sin(2 * math.pi * freq * t + phase) * 1.2
    side = torch.cos(math.pi * freq * t + phase) * 1.2
    fwd = torch.sin(4 * math.pi * freq * t + 2 * phase)
    return torch.stack([up, side, fwd], -1) + 0.15 * torch.randn(n, 30, 3), gait


class Gait(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.rnn = nn.GRU(3, hidden, batch_first=True)
        self.readout = nn.Linear(hidden, 3)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.readout(out[:, -1])


def initialise(net):
    """Small weights, no offsets."""
    for name, p in net.named_parameters():
        if p.dim() > 1:
            nn.init.constant_(p, 1.0 / p.shape[1])  # fault
            # fixed: nn.init.xavier_uniform_(p)
        else:
            nn.init.zeros_(p)
    return net


def batches(x, y, size, shuffle):
    ds = torch.utils.data.TensorDataset(x, y)
    return torch.utils.data.DataLoader(ds, batch_size=size, shuffle=shuffle)


model = initialise(Gait())  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
train_loader = batches(*windows(480), 32, True)
val_loader = batches(*windows(120), 60, False)


def accuracy():
    model.eval()
    with torch.no_grad():
        return sum((model(x).argmax(-1) == y).sum().item() for x, y in val_loader) / 120


def train():
    for _ in range(8):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        accuracy()
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train(), accuracy())
