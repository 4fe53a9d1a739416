"""Predicts the next pause of a speaker at each turn; conversations have different lengths.

code: ND113
also:
object: loss_fn | mask | pauses | targets | masked_mse
seen: checkup
"""
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset


class Conversations(Dataset):
    """Turns carry (length, pitch, question?, speed); the pause follows the last two turns."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.items = []
        for _ in range(n):
            turns = int(torch.randint(3, 30, (), generator=g))
            x = torch.randn(turns, 4, generator=g)
            before = torch.cat([torch.zeros(1, 4), x[:-1]])
            pause = 2.0 + 0.8 * x[:, 0] - 0.6 * before[:, 3] + 0.5 * x[:, 1] * before[:, 1] + 0.1 * torch.randn(turns, generator=g)
            self.items.append((x, pause / 2))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(items):
    turns, pauses = zip(*items)
    lengths = torch.tensor([len(t) for t in turns])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    return pad_sequence(turns, batch_first=True), pad_sequence(pauses, batch_first=True, padding_value=0.0), mask


class PauseModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 32, batch_first=True)
        self.read = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, turns):
        return self.read(self.rnn(turns)[0]).squeeze(-1)


def masked_mse(guess, pauses, mask):
    error = (guess - pauses) ** 2
    return error.mean()  # fault
    # fixed: return (error * mask).sum() / mask.sum()


torch.manual_seed(55)
train_loader = DataLoader(Conversations(400, 1), batch_size=20, shuffle=True, collate_fn=collate)
val_loader = DataLoader(Conversations(100, 2), batch_size=50, collate_fn=collate)
model = PauseModel()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    turns, pauses, mask = batch
    return masked_mse(setup.model(turns), pauses, mask)  # here


class _Setup:
    model = model


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(_Setup, batch)  # here
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [batch_loss(_Setup, b).item() for b in val_loader]
        print(epoch, sum(losses) / len(losses), sum(val) / len(val))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
