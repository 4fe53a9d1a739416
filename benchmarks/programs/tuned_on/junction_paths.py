"""Where will the car go at the junction? Mixture density network over the next three seconds at 10 Hz (three ways out).

code: ND311
also: ND308, ND310
object: mdn_loss | loss_fn | gaussian | likelihood
seen: both
"""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2015)
PAST, AHEAD, MODES = 10, 30, 3
ONE_OVER_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)


def drive(n):
    """Cars arrive from the south and leave left, straight on or right; the past only hints at it."""
    turn = torch.randint(-1, 2, (n, 1)).float()
    speed = torch.empty(n, 1).uniform_(0.6, 1.4)
    t = torch.arange(PAST + AHEAD).float() - PAST + 1
    after = t.clamp(min=0)
    angle = turn * after.clamp(max=12) * 0.12 + 0.05 * turn * (t > -3) + 0.02 * torch.randn(n, 1)
    dx, dy = speed * torch.sin(angle), speed * torch.cos(angle)
    xy = torch.stack([dx.cumsum(1), dy.cumsum(1)], -1)
    xy = xy - xy[:, PAST - 1:PAST] + 0.05 * torch.randn(n, PAST + AHEAD, 2)
    return xy[:, :PAST].flatten(1), xy[:, PAST:].flatten(1)


past, future = drive(900)
p_mu, p_sd = past[:720].mean(0), past[:720].std(0)
f_mu, f_sd = future[:720].mean(0), future[:720].std(0)
past, future = (past - p_mu) / (p_sd + 1e-3), (future - f_mu) / f_sd
train_loader = DataLoader(TensorDataset(past[:720], future[:720]), batch_size=48, shuffle=True)
val_loader = DataLoader(TensorDataset(past[720:], future[720:]), batch_size=180)


class MDN(nn.Module):
    def __init__(self, n_hidden=48):
        super().__init__()
        self.z_h = nn.Sequential(nn.Linear(2 * PAST, n_hidden), nn.Tanh(), nn.Linear(n_hidden, n_hidden), nn.Tanh())
        self.z_pi = nn.Linear(n_hidden, MODES)
        self.z_mu = nn.Linear(n_hidden, MODES * 2 * AHEAD)
        self.z_sigma = nn.Linear(n_hidden, MODES * 2 * AHEAD)

    def forward(self, x):
        h = self.z_h(x)
        log_pi = torch.log_softmax(self.z_pi(h), -1)
        mu = self.z_mu(h).view(-1, MODES, 2 * AHEAD)
        log_sigma = self.z_sigma(h).view(-1, MODES, 2 * AHEAD).clamp(-3, 2)
        return log_pi, mu, log_sigma


def mdn_loss(outputs, y):
    log_pi, mu, log_sigma = outputs
    u = (y.unsqueeze(1) - mu) * torch.exp(-log_sigma)
    gaussian = ONE_OVER_SQRT_2PI * torch.exp(-0.5 * u ** 2 - log_sigma)  # fault
    # fixed: log_gaussian = -0.5 * u ** 2 - log_sigma + math.log(ONE_OVER_SQRT_2PI)
    likelihood = (torch.exp(log_pi) * gaussian.prod(-1)).sum(1)  # fault
    # fixed: log_likelihood = torch.logsumexp(log_pi + log_gaussian.sum(-1), dim=1)
    return -torch.log(likelihood).mean()  # fault
    # fixed: return -log_likelihood.mean()


model = MDN()
loss_fn = mdn_loss  # here
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train(epochs=15):
    for epoch in range(epochs):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = mdn_loss(model(x), y)  # here
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            x, y = next(iter(val_loader))
            log_pi, mu, _ = model(x)
            best = mu[torch.arange(len(x)), log_pi.argmax(1)]
            miss = ((best - y) * f_sd).view(len(x), AHEAD, 2)[:, -1].norm(dim=1).mean().item()
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1} nll {sum(losses) / len(losses):.3f} final displacement {miss:.2f} m")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
