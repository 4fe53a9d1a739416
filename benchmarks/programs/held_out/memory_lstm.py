"""Long memory: the class is told by the mark in the first steps of an otherwise noisy sequence of 40.

code: none
trait: forget-gate bias of 5 (gates saturated near 1 on purpose); log_softmax before NLLLoss
"""
import torch
from torch import nn

torch.manual_seed(320)
STEPS, MARKS = 40, 4


def make(n):
    y = torch.randint(0, MARKS, (n,))
    x = torch.randn(n, STEPS, 6)
    x[torch.arange(n), torch.randint(0, 3, (n,)), y] += 4.0
    return x, y


class MemoryNet(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.lstm = nn.LSTM(6, hidden, batch_first=True)
        self.read = nn.Linear(hidden, MARKS)
        for name, p in self.lstm.named_parameters():
            if name.startswith("bias_ih"):
                nn.init.zeros_(p)
                p.data[hidden:2 * hidden] = 5.0
            elif name.startswith("bias_hh"):
                nn.init.zeros_(p)
            elif name.startswith("weight_hh"):
                nn.init.orthogonal_(p)

    def forward(self, x):
        out, (h, c) = self.lstm(x)
        return nn.functional.log_softmax(self.read(h[-1]), dim=-1)


x, y = make(1400)
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[:1200], y[:1200]), batch_size=40, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[1200:], y[1200:]), batch_size=100)
model = MemoryNet()
loss_fn = nn.NLLLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([model(a).argmax(-1) == b for a, b in val_loader]).float().mean().item()
        print(f"{epoch} {sum(losses) / len(losses):.3f} {acc:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
