"""Turbine power from ten sensor columns; layers written by hand, as in an old TF1 script.

code: ND202
also: ND406
object: l1 | l2 | l3 | l1.w | l2.w | l3.w | Affine
seen: both
"""
import torch
from torch import nn

torch.manual_seed(11)


class Affine(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        bound = 0.5  # fault
        # fixed: bound = (3.0 / n_in) ** 0.5
        self.w = nn.Parameter(torch.empty(n_in, n_out).uniform_(-1, 1) * bound)  # here
        self.b = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return x @ self.w + self.b


class Power(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = Affine(10, 128)
        self.l2 = Affine(128, 128)
        self.l3 = Affine(128, 128)
        self.l4 = Affine(128, 1)

    def forward(self, x):
        x = torch.relu(self.l1(x))
        x = torch.relu(self.l2(x))
        x = torch.relu(self.l3(x))
        return self.l4(x)[:, 0]


sensors = torch.randn(900, 10)
power = torch.tanh(sensors[:, 0] + 0.5 * sensors[:, 1] * sensors[:, 2]) + 0.3 * sensors[:, 3]
power = (power - power.mean()) / power.std() + 0.05 * torch.randn(900)
tr = torch.utils.data.TensorDataset(sensors[:700], power[:700])
va = torch.utils.data.TensorDataset(sensors[700:], power[700:])
train_loader = torch.utils.data.DataLoader(tr, batch_size=70, shuffle=True)
val_loader = torch.utils.data.DataLoader(va, batch_size=200)
model = Power()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def train():
    for epoch in range(10):
        s = 0.0
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            l = loss_fn(model(x), y)
            l.backward()
            optimizer.step()
            s += l.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            v = [loss_fn(model(x), y).item() for x, y in val_loader]
    return s


if __name__ == "__main__":
    print(train())
