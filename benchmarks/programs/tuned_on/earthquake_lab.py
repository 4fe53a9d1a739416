"""LANL laboratory earthquakes: time to failure from a window of acoustic features.

code: ND706
also: ND604, ND503
object: optimizer | lr | loss | clip_grad_norm_ | backward | rnn | history | group 0
seen: watch
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(5)
torch.manual_seed(5)
WINDOW = 40


def cycles(n):
    """the noise grows as the fault loads; a slip resets the clock"""
    loud = np.zeros((n, WINDOW, 3))
    ttf = np.zeros(n)
    for i in range(n):
        period = np.random.uniform(60, 110)
        age = np.random.uniform(0, period - WINDOW)
        phase = (age + np.arange(WINDOW)) / period
        loud[i, :, 0] = 0.4 + 1.6 * phase ** 2 + 0.1 * np.random.randn(WINDOW)
        loud[i, :, 1] = np.random.gamma(2, 0.2 + phase)
        loud[i, :, 2] = np.sin(2 * np.pi * 5 * phase) + 0.2 * np.random.randn(WINDOW)
        ttf[i] = (1 - phase[-1]) * 10
    return loud, ttf


x, y = cycles(600)
mu, sd = x[:480].mean((0, 1)), x[:480].std((0, 1))
x = torch.tensor((x - mu) / sd, dtype=torch.float32)
y = torch.tensor((y - y[:480].mean()) / y[:480].std(), dtype=torch.float32).unsqueeze(1)
train_loader = DataLoader(TensorDataset(x[:480], y[:480]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(x[480:], y[480:]), batch_size=120)


class QuakeRNN(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.rnn = nn.RNN(3, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x):
        _, h = self.rnn(x)
        return self.fc(h[-1])


model = QuakeRNN()
loss_fn = nn.MSELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.02)  # fault
# fixed: optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001)


def train():
    history = []
    for epoch in range(12):
        model.train()
        for signal, ttf in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(signal), ttf)
            loss.backward()  # fault
            # fixed: loss.backward()
            # fixed: nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()  # here
            history.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(s), t).item() for s, t in val_loader])
        late = history[-30:]
        print(f"epoch {epoch:2d} mean {np.mean(late):.4f} max {max(late):.4f} val {val:.4f}")
    return float(np.mean(late))


if __name__ == "__main__":
    print(train())
