"""Next-chord model for jazz standards, trained on all positions at once.

code: ND302
also:
object: encoder | transformer | forward | ChordModel | mask
seen: checkup
"""
import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

random.seed(251)
torch.manual_seed(251)

ROOTS = ["C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"]
KINDS = ["maj7", "m7", "7"]
chord2id = {f"{r}{k}": i for i, (r, k) in enumerate((r, k) for r in ROOTS for k in KINDS)}
MAX_LEN = 16


def standard():
    """ii-V-I cadences through random keys, sometimes with a turnaround"""
    tune, key = [], random.randrange(12)
    while len(tune) < MAX_LEN + 1:
        tune += [ROOTS[(key + 2) % 12] + "m7", ROOTS[(key + 7) % 12] + "7", ROOTS[key] + "maj7"]
        if random.random() < 0.4:
            tune.append(ROOTS[(key + 9) % 12] + "7")
        key = (key + random.choice([0, 5, 10, 3])) % 12
    start = random.randrange(0, len(tune) - MAX_LEN)
    return [chord2id[c] for c in tune[start:start + MAX_LEN + 1]]


class Standards(Dataset):
    def __init__(self, n):
        self.tunes = torch.tensor([standard() for _ in range(n)])

    def __len__(self):
        return len(self.tunes)

    def __getitem__(self, i):
        return self.tunes[i, :-1], self.tunes[i, 1:]


class ChordModel(nn.Module):
    def __init__(self, vocab, d_model=32, n_head=4, n_layers=2):
        super().__init__()
        self.token = nn.Embedding(vocab, d_model)
        self.position = nn.Embedding(MAX_LEN, d_model)
        layer = nn.TransformerEncoderLayer(d_model, n_head, 64, dropout=0.0, batch_first=True)
        self.transformer = nn.TransformerEncoder(layer, n_layers)
        self.lm_head = nn.Linear(d_model, vocab)

    def forward(self, chords):
        pos = torch.arange(chords.size(1), device=chords.device)
        h = self.token(chords) + self.position(pos)
        h = self.transformer(h)  # fault
        # fixed: causal = nn.Transformer.generate_square_subsequent_mask(chords.size(1), device=chords.device)
        # fixed: h = self.transformer(h, mask=causal, is_causal=True)
        return self.lm_head(h)


class SequenceCE(nn.CrossEntropyLoss):
    def forward(self, logits, target):
        return super().forward(logits.reshape(-1, logits.size(-1)), target.reshape(-1))


train_loader = DataLoader(Standards(384), batch_size=32, shuffle=True)
val_loader = DataLoader(Standards(96), batch_size=96)
model = ChordModel(len(chord2id))  # here
loss_fn = SequenceCE()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)


@torch.no_grad()
def improvise(n=8):
    model.eval()
    seq = [chord2id["Dm7"]]
    for _ in range(n):
        logits = model(torch.tensor([seq]))[0, -1]
        seq.append(int(torch.multinomial(logits.softmax(-1), 1)))
    names = list(chord2id)
    return " ".join(names[i] for i in seq)


def train(epochs=7):
    for epoch in range(epochs):
        model.train()
        tot = 0.0
        for chords, nxt in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(chords), nxt)  # here
            loss.backward()
            optimizer.step()
            tot += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(c), n).item() for c, n in val_loader) / len(val_loader)
        print(f"{epoch} train {tot / len(train_loader):.3f} val {val:.3f} | {improvise()}")
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())
