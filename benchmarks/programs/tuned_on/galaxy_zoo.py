"""Sorts toy galaxies (elliptical, ring, bar) with a little CNN built by a helper.

code: ND401
also:
object: Softmax | model.6 | loss_fn | criterion
seen: checkup
"""
import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(42)


def draw(n, size=16):
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    y = torch.randint(0, 3, (n,))
    imgs = []
    for label in y.tolist():
        a = torch.rand(1) * 3.14
        u, v = xx * a.cos() + yy * a.sin(), -xx * a.sin() + yy * a.cos()
        r = (u ** 2 + v ** 2).sqrt()
        if label == 0: im = torch.exp(-(u ** 2 / 0.1 + v ** 2 / 0.25))
        elif label == 1: im = torch.exp(-(r - 0.6) ** 2 / 0.02)
        else: im = torch.exp(-(u ** 2 / 0.01 + v ** 2 / 0.6))
        imgs.append(im)
    x = torch.stack(imgs)[:, None] + 0.15 * torch.randn(n, 1, size, size)
    return (x - 0.2) / 0.3, y


def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())


model = nn.Sequential(
    conv(1, 8), nn.MaxPool2d(2),
    conv(8, 16), nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(256, 3),
    nn.Softmax(dim=1),  # fault
    # fixed:
)
loss_fn = nn.CrossEntropyLoss()  # here
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
X, Y = draw(480)
Xv, Yv = draw(120)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), batch_size=32, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(Xv, Yv), batch_size=60)


def train():
    for epoch in range(6):
        model.train()
        running = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            out = model(xb)
            loss = loss_fn(out, yb)  # here
            loss.backward()
            optimizer.step()
            running += loss.item()
        model.eval()
        with torch.no_grad():
            acc = torch.cat([model(a).argmax(1) == b for a, b in val_loader]).float().mean()
        print("epoch %d loss %.3f acc %.3f" % (epoch, running / len(train_loader), acc))
    return running / len(train_loader)


if __name__ == "__main__":
    print(train())
