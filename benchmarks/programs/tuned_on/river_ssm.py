"""River gauge from rain: a diagonal state-space layer scanned over 160 hours.

code: ND308
also: ND310, ND503
object: ssm | decay | scan | rate | state
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(23)
HOURS = 160


def basins(n):
    rain = torch.relu(torch.randn(n, HOURS) - 0.5)
    level, slow, fast = [], torch.zeros(n), torch.zeros(n)
    for t in range(HOURS):
        slow = 0.97 * slow + 0.03 * rain[:, t]
        fast = 0.8 * fast + 0.2 * rain[:, t]
        level.append(slow + fast)
    level = torch.stack(level, 1)
    return (rain - 0.2) / 0.44, (level[:, -1:] - 0.38) / 0.14


class DiagonalSSM(nn.Module):
    def __init__(self, inputs, states):
        super().__init__()
        self.rate = nn.Parameter(torch.linspace(-3, 0, states))
        self.b = nn.Linear(inputs, states)

    def forward(self, u):
        decay = torch.exp(F.softplus(self.rate))  # fault
        # fixed: decay = torch.exp(-F.softplus(self.rate))
        u = self.b(u)
        state = torch.zeros_like(u[:, 0])
        for t in range(u.shape[1]):
            state = decay * state + (1 - decay) * u[:, t]  # here
        return state


class Gauge(nn.Module):
    def __init__(self):
        super().__init__()
        self.ssm = DiagonalSSM(1, 16)  # here
        self.read = nn.Sequential(nn.Linear(16, 16), nn.SiLU(), nn.Linear(16, 1))

    def forward(self, rain):
        return self.read(self.ssm(rain.unsqueeze(-1)))


rain, level = basins(420)
pairs = torch.utils.data.TensorDataset(rain, level)
train_loader = torch.utils.data.DataLoader(torch.utils.data.Subset(pairs, range(340)), batch_size=34, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.Subset(pairs, range(340, 420)), batch_size=80)
model = Gauge()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    for epoch in range(6):
        model.train()
        history = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            history.append(loss.item())
        model.eval()
        with torch.no_grad():
            print(epoch, sum(history) / len(history), [loss_fn(model(x), y).item() for x, y in val_loader])
    return sum(history) / len(history)


if __name__ == "__main__":
    print(train())
