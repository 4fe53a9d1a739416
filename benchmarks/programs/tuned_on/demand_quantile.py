"""Forecasts the 90 % quantile of tomorrow's demand with a pinball loss written as a Function.

code: ND505
also: ND405
object: Pinball | loss_fn | pinball | PinballLoss
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)


class Pinball(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction, target, q):
        gap = target - prediction
        ctx.save_for_backward(gap)
        ctx.q = q
        return torch.maximum(q * gap, (q - 1) * gap).mean()

    @staticmethod
    def backward(ctx, grad):  # here
        (gap,) = ctx.saved_tensors
        under = gap > 0
        local = torch.where(under, ctx.q - 1.0, ctx.q + 0.0)  # fault
        # fixed: local = torch.where(under, -ctx.q + 0.0, 1.0 - ctx.q)
        return grad * local / gap.numel(), None, None


class PinballLoss(nn.Module):
    def __init__(self, q):
        super().__init__()
        self.q = q

    def forward(self, prediction, target):
        return Pinball.apply(prediction, target, self.q)  # here


days = torch.arange(900.0)
demand = torch.sin(2 * torch.pi * days / 7) + 0.5 * torch.sin(2 * torch.pi * days / 30) + 0.3 * torch.randn(900)
demand = (demand - demand[:700].mean()) / demand[:700].std()
windows = demand.unfold(0, 15, 1)
past, tomorrow = windows[:, :14], windows[:, 14]
train_loader = DataLoader(TensorDataset(past[:686], tomorrow[:686]), batch_size=49, shuffle=True)
val_loader = DataLoader(TensorDataset(past[700:], tomorrow[700:]), batch_size=64)

model = nn.Sequential(nn.Linear(14, 48), nn.Tanh(), nn.Linear(48, 1), nn.Flatten(0))
loss_fn = PinballLoss(0.9)
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    curve = []
    for epoch in range(15):
        model.train()
        epoch_loss = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            epoch_loss.append(loss.item())
        curve.append(sum(epoch_loss) / len(epoch_loss))
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(x), y).item() for x, y in val_loader]
    return curve[-1]


if __name__ == "__main__":
    print(train())
