"""Turns written dates into numbers, letter by letter.

code: none
trait: targets are padded with a valid id and the loss has no ignore_index, but the padded places are weighted out by hand
"""
import random
import torch
from torch import nn
from torch.utils.data import DataLoader

rng = random.Random(3)
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
IN = {c: i + 1 for i, c in enumerate("abcdefghijklmnopqrstuvwxyz0123456789 ,")}
OUT = {c: i + 2 for i, c in enumerate("0123456789-")}           # 0: padding, 1: start
END = len(OUT) + 2


def example():
    d, m, y = rng.randint(1, 28), rng.randint(1, 12), rng.randint(0, 29)
    text = rng.choice([f"{d} {MONTHS[m - 1]} {y}", f"{MONTHS[m - 1]} {d}, {y}"])
    return torch.tensor([IN[c] for c in text]), torch.tensor([1] + [OUT[c] for c in f"{y}-{m}-{d}"] + [END])


def collate(pairs):
    pad = lambda seqs: nn.utils.rnn.pad_sequence(seqs, batch_first=True)
    written, numbers = zip(*pairs)
    numbers = pad(numbers)
    return {"written": pad(written), "given": numbers[:, :-1], "wanted": numbers[:, 1:]}


class Parser(nn.Module):
    def __init__(self, dim=40):
        super().__init__()
        self.read = nn.Embedding(len(IN) + 1, dim, padding_idx=0)
        self.write = nn.Embedding(END + 1, dim, padding_idx=0)
        self.encoder = nn.GRU(dim, dim // 2, batch_first=True, bidirectional=True)
        self.decoder = nn.GRU(dim, dim, batch_first=True)
        self.out = nn.Linear(2 * dim, END + 1)

    def forward(self, written, given):
        memory, last = self.encoder(self.read(written))
        h, _ = self.decoder(self.write(given), torch.cat([last[0], last[1]], -1)[None])
        score = h @ memory.transpose(1, 2) / h.size(-1) ** 0.5
        score = score.masked_fill((written == 0)[:, None], float("-inf"))
        return self.out(torch.cat([h, score.softmax(-1) @ memory], -1))


per_letter = nn.CrossEntropyLoss(reduction="none")


def loss_fn(logits, wanted):
    real = (wanted != 0).float()
    return (per_letter(logits.transpose(1, 2), wanted) * real).sum() / real.sum()


torch.manual_seed(3)
book = list({bytes(a.tolist()): (a, b) for a, b in (example() for _ in range(900))}.values())
train_loader = DataLoader(book[:760], batch_size=25, shuffle=True, collate_fn=collate)
val_loader = DataLoader(book[760:], batch_size=50, collate_fn=collate)
model = Parser()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["written"], batch["given"]), batch["wanted"])


def train():
    for epoch in range(4):
        model.train()
        losses = []
        for b in train_loader:
            loss = loss_fn(model(b["written"], b["given"]), b["wanted"])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            sum(loss_fn(model(b["written"], b["given"]), b["wanted"]).item() for b in val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
