"""Marks each syllable of a word: unstressed, primary or secondary stress.

code: ND113
also:
object: stress | collate | y | padding_value | loss_fn | ignore_index
seen: both
"""
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

KINDS = 10


class Lexicon(Dataset):
    """Syllables come as (weight class, vowel length, coda) triples; the stress rule is Latin-like."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.entries = []
        for _ in range(n):
            k = int(torch.randint(3, 9, (1,), generator=g))
            syllables = torch.randint(0, KINDS, (k,), generator=g)
            measure = torch.stack([(syllables >= 6).float(), torch.randn(k, generator=g) * .3 + (syllables >= 6)], 1)
            stress = torch.zeros(k, dtype=torch.long)
            main = k - 2 if syllables[k - 2] >= 6 else k - 3
            stress[main] = 1
            if main >= 2:
                stress[main - 2] = 2
            self.entries.append((syllables, measure - 0.4, stress))

    def __len__(self):
        return len(self.entries)

    def __getitem__(self, i):
        return self.entries[i]


def collate(entries):
    syllables, measures, stress = zip(*entries)
    return {
        "syllables": pad_sequence([s + 1 for s in syllables], batch_first=True),
        "measures": pad_sequence(measures, batch_first=True),
        "stress": pad_sequence(stress, batch_first=True),  # fault
        # fixed: "stress": pad_sequence(stress, batch_first=True, padding_value=-1),
    }


class Tagger(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.emb = nn.Embedding(KINDS + 1, dim - 2, padding_idx=0)
        self.rnn = nn.GRU(dim, dim, batch_first=True, bidirectional=True)
        self.tags = nn.Linear(2 * dim, 3)

    def forward(self, syllables, measures):
        x = torch.cat([self.emb(syllables), measures], -1)
        lengths = (syllables > 0).sum(1)
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        h, _ = nn.utils.rnn.pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return self.tags(h)


torch.manual_seed(1)
train_loader = DataLoader(Lexicon(600, 1), batch_size=30, shuffle=True, collate_fn=collate)  # here
val_loader = DataLoader(Lexicon(150, 2), batch_size=50, collate_fn=collate)
model = Tagger()
loss_fn = nn.CrossEntropyLoss(ignore_index=-1)  # here
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def score(net, batch):
    logits = net(batch["syllables"], batch["measures"])
    return loss_fn(logits.transpose(1, 2), batch["stress"])  # here


def batch_loss(setup, batch):
    return score(setup.model, batch)


def train():
    for epoch in range(6):
        model.train()
        total = 0.0
        for batch in train_loader:
            loss = score(model, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(score(model, b).item() for b in val_loader) / len(val_loader)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
