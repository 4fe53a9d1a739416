"""A spiking network with a surrogate gradient classifies event-camera gestures.

code: none
trait: a custom Function whose backward is not the derivative of its step-shaped forward, on purpose
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(101)


class Spike(torch.autograd.Function):
    """Heaviside forward, fast-sigmoid slope backward (surrogate)."""

    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 0).to(v.dtype)

    @staticmethod
    def backward(ctx, grad):
        (v,) = ctx.saved_tensors
        return grad / (1 + 5 * v.abs()) ** 2


class LIF(nn.Module):
    def __init__(self, d_in, d, beta=0.9):
        super().__init__()
        self.fc, self.beta = nn.Linear(d_in, d), beta

    def forward(self, spikes):
        v = torch.zeros(spikes.shape[0], self.fc.out_features)
        out = []
        for t in range(spikes.shape[1]):
            v = self.beta * v + self.fc(spikes[:, t])
            s = Spike.apply(v - 1.0)
            v = v - s.detach()
            out.append(s)
        return torch.stack(out, 1)


class Gestures(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = LIF(24, 48)
        self.read = nn.Linear(48, 4)

    def forward(self, events):
        return self.read(self.first(events)).mean(1)


def camera(n, steps=15):
    y = torch.randint(0, 4, (n,))
    place = torch.arange(24.)
    t = torch.arange(steps).float()
    speed = torch.tensor([1.2, -1.2, 0.4, -0.4])[y][:, None]
    centre = 12 + speed * (t - steps / 2) + torch.randn(n, 1)
    rate = 0.05 + 0.9 * torch.exp(-(place - centre[..., None]) ** 2 / 4)
    return torch.bernoulli(rate), y


model = Gestures()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
train_loader = DataLoader(TensorDataset(*camera(480)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*camera(120)), batch_size=60)


def train():
    for epoch in range(10):
        model.train()
        log = []
        for e, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(e), y)
            loss.backward()
            optimizer.step()
            log.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(e).argmax(1) == y).sum().item() for e, y in val_loader) / 120
        print(epoch, sum(log) / len(log), acc)
    return sum(log) / len(log)


if __name__ == "__main__":
    print(train())
