"""Hand gestures from joint angles: a GRU encoder, first trained to predict the next frame, then loaded into a classifier.

code: ND707
also:
object: load_state_dict | encoder | load_encoder | strict | checkpoint
seen: both
"""
import copy
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(68)


def gestures(n):
    y = torch.randint(0, 5, (n,))
    t = torch.linspace(0, 6.28, 20)
    k = torch.arange(4.)
    phase = .8 * y[:, None, None] * k
    x = torch.sin(t[None, :, None] * (1 + .3 * y[:, None, None]) + phase + .3 * torch.randn(n, 1, 1)) + .25 * torch.randn(n, 20, 4)
    return x, y


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(4, 32, batch_first=True)

    def forward(self, x):
        return self.gru(x)[0]


class Pretrain(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Encoder()
        self.to_frame = nn.Linear(32, 4)

    def forward(self, x):
        return self.to_frame(self.backbone(x))


class Classify(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.cls = nn.Linear(32, 5)

    def forward(self, x):
        return self.cls(self.encoder(x)[:, -1])


def pretrain(steps=40):
    net, (x, _) = Pretrain(), gestures(128)
    opt = torch.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(steps):
        loss = nn.functional.mse_loss(net(x[:, :-1]), x[:, 1:])
        opt.zero_grad(); loss.backward(); opt.step()
    return copy.deepcopy(net.state_dict())


def load_encoder(net, checkpoint):
    """takes over what belongs to the encoder"""
    weights = {k: v for k, v in checkpoint.items() if not k.startswith("to_frame")}  # fault
    # fixed: weights = {k.replace("backbone.", "encoder."): v for k, v in checkpoint.items() if not k.startswith("to_frame")}
    return net.load_state_dict(weights, strict=False)  # here


train_loader = DataLoader(TensorDataset(*gestures(200)), batch_size=20, shuffle=True)
val_loader = DataLoader(TensorDataset(*gestures(100)), batch_size=50)
model = Classify()
load_encoder(model, pretrain())  # here
model.encoder.requires_grad_(False)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.cls.parameters(), lr=2e-2)


def train():
    for epoch in range(10):
        model.train()
        run = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            run.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / 100
    train.acc = acc
    return sum(run) / len(run)


if __name__ == "__main__":
    print(train(), train.acc)
