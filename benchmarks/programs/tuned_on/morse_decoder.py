"""Morse to letters: noisy key samples -> letter, with a small GRU and home-made decoupled weight decay.

code: ND607
also:
object: shrink | decay | WD | mul_ | optimizer
seen: watch
"""
import random
import torch
from torch import nn

CODE = {"a": ".-", "b": "-...", "d": "-..", "e": ".", "g": "--.", "k": "-.-", "m": "--", "n": "-.", "o": "---", "r": ".-.", "s": "...", "t": "-"}
LETTERS = sorted(CODE)
LENGTH, LR, WD = 26, 1e-2, 0.2


def key(letter, r):
    wave = [0.0] * r.randint(0, 5)
    for sign in CODE[letter]:
        wave += [1.0] * (r.randint(1, 2) if sign == "." else r.randint(4, 5)) + [0.0] * 2
    return (wave + [0.0] * LENGTH)[:LENGTH]


def dataset(n, seed):
    r = random.Random(seed)
    y = [r.randrange(len(LETTERS)) for _ in range(n)]
    x = torch.tensor([key(LETTERS[k], r) for k in y])
    x = (x + 0.15 * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)) - 0.2) / 0.43
    return torch.utils.data.TensorDataset(x.unsqueeze(-1), torch.tensor(y))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 40, batch_first=True)
        self.out = nn.Linear(40, len(LETTERS))

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.out(states.amax(1))


@torch.no_grad()
def shrink(net):
    """AdamW's decay, written out: only matrices."""
    for p in net.parameters():
        if p.dim() > 1:
            p.mul_(1 - WD)  # fault
            # fixed: p.mul_(1 - LR * WD)


torch.manual_seed(28)
model, loss_fn = Decoder(), nn.CrossEntropyLoss()
train_loader = torch.utils.data.DataLoader(dataset(960, 1), batch_size=48, shuffle=True)
val_loader = torch.utils.data.DataLoader(dataset(240, 2), batch_size=120)
optimizer = torch.optim.Adam(model.parameters(), lr=LR)


def train():
    for epoch in range(10):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            shrink(model)  # here
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            ok = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / 240
        print(f"{epoch} {sum(losses) / len(losses):.3f} {ok:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
