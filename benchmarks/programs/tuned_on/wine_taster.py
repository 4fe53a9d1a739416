"""Wine cultivars with sharpness-aware minimisation: climb to the worst neighbour, step from there.

code: none
trait: two backward passes a step, weights moved by hand in between, zero_grad in the middle of the step
"""
import torch
from sklearn.datasets import load_wine
from torch import nn


class SAM(torch.optim.SGD):
    def __init__(self, params, rho=0.05, **kw):
        super().__init__(params, **kw)
        self.rho, self.climb = rho, {}

    def everyone(self):
        return [p for g in self.param_groups for p in g["params"] if p.grad is not None]

    @torch.no_grad()
    def up(self):
        norm = torch.stack([p.grad.norm() for p in self.everyone()]).norm() + 1e-12
        for p in self.everyone():
            self.climb[p] = p.grad * (self.rho / norm)
            p.add_(self.climb[p])

    @torch.no_grad()
    def down(self):
        for p in self.everyone():
            p.sub_(self.climb.pop(p))


torch.manual_seed(10)
data, target = load_wine(return_X_y=True)
mix = torch.randperm(len(target))
x, y = torch.tensor(data, dtype=torch.float32)[mix], torch.tensor(target)[mix]
x = (x - x[:130].mean(0)) / x[:130].std(0)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[:130], y[:130]), batch_size=26, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[130:], y[130:]), batch_size=48)
model = nn.Sequential(nn.Linear(13, 20), nn.ReLU(), nn.Linear(20, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = SAM(model.parameters(), rho=0.1, lr=0.05, momentum=0.9)


def train():
    for epoch in range(25):
        model.train()
        losses = []
        for a, b in train_loader:
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.up()
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.down()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader) / 48
    print("val accuracy", acc)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
