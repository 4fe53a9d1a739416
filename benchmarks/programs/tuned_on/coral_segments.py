"""Coral, sand or weed per pixel: an exponential moving average of the weights is kept for evaluation.

code: ND707
also: ND605
object: ema | Ema | shadow | update
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def reefs(n, seed):
    g = torch.Generator().manual_seed(seed)
    field = nn.functional.interpolate(torch.randn(n, 1, 4, 4, generator=g), size=16, mode="bilinear", align_corners=True)[:, 0]
    y = torch.bucketize(field, torch.tensor([-.4, .4]))
    colour = torch.tensor([[1., -.5], [-.2, 1.], [-1., -.6]])
    x = colour[y].permute(0, 3, 1, 2) + .9 * torch.randn(n, 2, 16, 16, generator=g)
    return TensorDataset(x, y)


class Ema:
    def __init__(self, net, beta=.95):
        self.beta = beta
        self.shadow = net.state_dict()  # fault
        # fixed: self.shadow = {k: v.clone() for k, v in net.state_dict().items()}
        self.start = {k: v.clone() for k, v in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net):
        for k, v in net.state_dict().items():
            self.shadow[k].mul_(self.beta).add_(v, alpha=1 - self.beta)  # here

    def weights(self):
        return self.shadow


torch.manual_seed(67)
train_loader = DataLoader(reefs(160, 1), batch_size=16, shuffle=True)
val_loader = DataLoader(reefs(40, 2), batch_size=20)
make = lambda: nn.Sequential(nn.Conv2d(2, 16, 5, padding=2), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 1))
model, smooth = make(), make()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
ema = Ema(model)  # here


def evaluate(net):
    net.eval()
    with torch.no_grad():
        return sum(loss_fn(net(x), y).item() for x, y in val_loader) / len(val_loader)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            ema.update(model)  # here
            losses.append(loss.item())
        smooth.load_state_dict(ema.weights())
        train.raw, train.smooth = evaluate(model), evaluate(smooth)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train(), train.raw, train.smooth)
