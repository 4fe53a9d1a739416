"""Telecom churn with a focal loss from a paper, written out.

code: ND310
also: ND308, ND311
object: log | focal | loss_fn
seen: watch
"""
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(50)
N = 1000
plan = torch.randn(N, 10)
signal = plan[:, 0] + plan[:, 1] - plan[:, 2]
plan = plan[signal.abs() > 0.15]
churn = (signal[signal.abs() > 0.15] > 0).float()[:, None]
cut = int(0.8 * len(plan))
ds = torch.utils.data.TensorDataset(plan, churn)
train_loader = torch.utils.data.DataLoader(torch.utils.data.Subset(ds, range(cut)), batch_size=64, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.Subset(ds, range(cut, len(ds))), batch_size=64)


def focal(logit, target, gamma=0.5):
    p = torch.sigmoid(logit)
    log_p, log_not_p = torch.log(p), torch.log(1 - p)  # fault
    # fixed: log_p, log_not_p = F.logsigmoid(logit), F.logsigmoid(-logit)
    hit = (1 - p + 1e-6) ** gamma * log_p
    miss = (p + 1e-6) ** gamma * log_not_p
    return -(target * hit + (1 - target) * miss).mean()  # here


model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
loss_fn = focal  # here
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)


def train():
    epoch_losses = []
    for epoch in range(30):
        model.train()
        losses = []
        for x, y in train_loader:
            out = model(x)
            loss = loss_fn(out, y)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        epoch_losses.append(sum(losses) / len(losses))
        model.eval()
        with torch.no_grad():
            outs = torch.cat([model(x) for x, _ in val_loader])
            accuracy = ((outs > 0).float() == churn[cut:]).float().mean()
        if epoch % 5 == 4:
            print(f"{epoch + 1}: {epoch_losses[-1]:.5f} acc {accuracy:.3f} largest logit {outs.abs().max():.1f}")
    return epoch_losses[-1]


if __name__ == "__main__":
    print(train())
