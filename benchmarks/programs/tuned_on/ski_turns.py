"""Turn type of a skier: a student distilled from a larger teacher that is trained first and then frozen.

code: none
trait: frozen teacher inside the same ModuleDict, softmax of the teacher in the loss, no_grad and detach on purpose, optimizer owns the student only, temperature squared, train() of the student with the teacher in eval mode
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def runs(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 4, (n,), generator=g)
    t = torch.linspace(0, 1, 24)
    edge = torch.sin(6.283 * (1 + y[:, None]) * t + torch.rand(n, 1, generator=g))
    press = torch.cos(6.283 * (2 + y[:, None] * .5) * t)
    x = torch.stack([edge, press], 1) + .7 * torch.randn(n, 2, 24, generator=g)
    return TensorDataset(x, y)


def net(c):
    return nn.Sequential(nn.Conv1d(2, c, 7, padding=3), nn.BatchNorm1d(c), nn.ReLU(), nn.AdaptiveMaxPool1d(4), nn.Flatten(), nn.Dropout(.1), nn.Linear(4 * c, 4))


torch.manual_seed(82)
train_loader = DataLoader(runs(400, 1), batch_size=40, shuffle=True)
val_loader = DataLoader(runs(120, 2), batch_size=60)
teacher = net(32)
warm = torch.optim.Adam(teacher.parameters(), lr=5e-3)
x0, y0 = train_loader.dataset.tensors
for _ in range(25):
    warm.zero_grad()
    F.cross_entropy(teacher(x0), y0).backward()
    warm.step()
warm.zero_grad()
teacher.eval().requires_grad_(False)
model = nn.ModuleDict({"student": net(6), "teacher": teacher})
optimizer = torch.optim.Adam(model["student"].parameters(), lr=4e-3)
T = 3.


def batch_loss(setup, batch):
    x, y = batch
    logits = setup.model["student"](x)
    with torch.no_grad():
        soft = F.softmax(setup.model["teacher"](x) / T, -1)
    kd = F.kl_div(F.log_softmax(logits / T, -1), soft, reduction="batchmean") * T * T
    return .7 * kd + .3 * F.cross_entropy(logits, y, label_smoothing=.05)


def train():
    class setup: pass
    setup.model = model
    for epoch in range(10):
        model["student"].train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model["student"].eval()
        with torch.no_grad():
            acc = torch.cat([(model["student"](x).argmax(1) == y).float() for x, y in val_loader]).mean().item()
    train.acc = acc
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train(), train.acc)
