"""Is the market calm, nervous or one-sided right now? Windows over an order-book stream with one label per tick.

code: ND104
also:
object: labels | make_windows | targets | train_loader | state
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

WINDOW, STRIDE = 16, 3


def stream(ticks: int, seed: int):
    g = torch.Generator().manual_seed(seed)
    state = torch.zeros(ticks, dtype=torch.long)
    for i in range(1, ticks):
        jump = torch.rand((), generator=g) < 0.02
        state[i] = torch.randint(0, 3, (), generator=g) if jump else state[i - 1]
    noise = torch.randn(ticks, 4, generator=g)
    sigma = torch.tensor([0.5, 1.4, 0.7])[state][:, None]
    book = noise * sigma
    book[:, 0] += 0.8 * (state == 2)
    book[:, 1] -= 0.8 * (state == 2)
    return book, state


def make_windows(book, state):
    windows = book.unfold(0, WINDOW, STRIDE)
    labels = state[WINDOW - 1:]  # fault
    # fixed: labels = state[WINDOW - 1::STRIDE]
    n = min(len(windows), len(labels))
    return TensorDataset(windows[:n], labels[:n])  # here


class BookNet(nn.Module):
    def __init__(self, channels: int = 4, width: int = 24):
        super().__init__()
        self.scale_free = nn.Conv1d(channels, width, 3)
        self.attend = nn.MultiheadAttention(width, 2, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.decide = nn.Linear(2 * width, 3)

    def forward(self, x):
        h = torch.nn.functional.gelu(self.scale_free(x)).transpose(1, 2)
        h = self.norm(h + self.attend(h, h, h, need_weights=False)[0])
        return self.decide(torch.cat([h.mean(1), h.std(1)], -1))


torch.manual_seed(0)
train_loader = DataLoader(make_windows(*stream(3000, 0)), batch_size=50, shuffle=True)  # here
val_loader = DataLoader(make_windows(*stream(900, 1)), batch_size=150)
model = BookNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=8, eta_min=3e-4)


def train() -> float:
    for epoch in range(8):
        model.train()
        running = 0.0
        for x, s in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), s)
            loss.backward()
            optimizer.step()
            running += loss.item()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            hit = torch.cat([(model(x).argmax(1) == s).float() for x, s in val_loader]).mean().item()
        print(f"{epoch}: loss {running / len(train_loader):.3f}, hit rate on the second day {hit:.2f}")
    return running / len(train_loader)


if __name__ == "__main__":
    print(train())
