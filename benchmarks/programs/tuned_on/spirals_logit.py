"""Three interleaved spirals, which arm does a point lie on?

code: ND704
also: ND205, ND705
object: model | hidden | history
seen: watch
"""
import math
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(333)


def spirals(per_arm):
    pts, lab = [], []
    for arm in range(3):
        r = torch.rand(per_arm) * 0.9 + 0.1
        a = r * 6.5 + arm * 2 * math.pi / 3 + 0.12 * torch.randn(per_arm)
        pts.append(torch.stack([r * a.cos(), r * a.sin()], 1) / 0.45)
        lab.append(torch.full((per_arm,), arm))
    return TensorDataset(torch.cat(pts), torch.cat(lab))


train_loader = DataLoader(spirals(240), batch_size=32, shuffle=True)
val_loader = DataLoader(spirals(80), batch_size=240)

hidden = 2  # fault
# fixed: hidden = 64
model = nn.Sequential(  # here
    nn.Linear(2, hidden), nn.Tanh(),  # here
    nn.Linear(hidden, hidden), nn.Tanh(),
    nn.Linear(hidden, 3),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train(epochs=20):
    for epoch in range(epochs):
        model.train()
        tot = 0.0
        for p, c in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(p), c)
            loss.backward()
            optimizer.step()
            tot += loss.item()
        model.eval()
        with torch.no_grad():
            p, c = next(iter(val_loader))
            out = model(p)
            if epoch % 5 == 4:
                print(f"{epoch + 1}: train {tot / len(train_loader):.3f} val {loss_fn(out, c).item():.3f} acc {(out.argmax(1) == c).float().mean():.3f}")
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())
