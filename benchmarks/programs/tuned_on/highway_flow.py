"""Traffic counts of the next quarter of an hour from the last 24 quarters and the clock.

code: ND706
also: ND604
object: optimizer | lr | history | loss | RMSprop
seen: watch
"""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(101)
LOOKBACK = 24


def counts(quarters=1500):
    t = torch.arange(quarters, dtype=torch.float32)
    day = torch.sin(2 * math.pi * t / 96) + 0.5 * torch.sin(4 * math.pi * t / 96 + 0.7)
    noise = torch.zeros(quarters)
    for i in range(1, quarters):
        noise[i] = 0.7 * noise[i - 1] + 0.12 * torch.randn(())
    return day * (1 + 0.3 * torch.sin(2 * math.pi * t / 672)) + noise


series = counts()
CUT = 1200
series = (series - series[:CUT].mean()) / series[:CUT].std()


class Windows(Dataset):
    def __init__(self, s, start):
        self.s, self.start = s, start

    def __len__(self):
        return len(self.s) - LOOKBACK

    def __getitem__(self, i):
        q = 2 * math.pi * ((self.start + i + LOOKBACK) % 96) / 96
        clock = torch.tensor([math.sin(q), math.cos(q)])
        return torch.cat([self.s[i:i + LOOKBACK], clock * 1.4]), self.s[i + LOOKBACK:i + LOOKBACK + 1]


train_loader = DataLoader(Windows(series[:CUT], 0), batch_size=12, shuffle=True)
val_loader = DataLoader(Windows(series[CUT:], CUT), batch_size=276)

model = nn.Sequential(
    nn.Linear(LOOKBACK + 2, 64), nn.ReLU(),
    nn.Linear(64, 64), nn.ReLU(),
    nn.Linear(64, 1),
)
loss_fn = nn.MSELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.02)  # fault
# fixed: optimizer = torch.optim.RMSprop(model.parameters(), lr=0.0005)


def train(epochs=8):
    history = {"train": [], "val": []}
    for epoch in range(epochs):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            optimizer.step()  # here
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        history["train"].append(sum(losses) / len(losses))
        history["val"].append(val)
        print(f"epoch {epoch}: train {history['train'][-1]:.4f} (max {max(losses):.3f})  val {val:.4f}")
    return history["train"][-1]


if __name__ == "__main__":
    print(train())
