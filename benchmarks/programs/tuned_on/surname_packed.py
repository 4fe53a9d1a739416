"""Where does a surname come from? Character LSTM on packed sequences.

code: ND104
also:
object: pack_batch | labels | origin | collate_fn | train_loader
seen: both
"""
import random
import string
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

random.seed(19)
torch.manual_seed(19)
ENDINGS = [("ov", "ev", "enko", "sky"), ("ini", "elli", "otto", "ucci"), ("sen", "berg", "gaard", "lund")]
CHARS = {c: i + 1 for i, c in enumerate(string.ascii_lowercase)}


def surname(origin):
    stem = "".join(random.choice("bdfgklmnprst") + random.choice("aeiou") for _ in range(random.randint(1, 4)))
    return stem + random.choice(ENDINGS[origin])


class Surnames(Dataset):
    def __init__(self, n):
        self.origin = [random.randrange(3) for _ in range(n)]
        self.names = [surname(o) for o in self.origin]

    def __len__(self):
        return len(self.names)

    def __getitem__(self, i):
        return torch.tensor([CHARS[c] for c in self.names[i]]), self.origin[i]


def pack_batch(batch):
    labels = torch.tensor([o for _, o in batch])
    batch = sorted(batch, key=lambda b: len(b[0]), reverse=True)  # fault
    # fixed: batch = sorted(batch, key=lambda b: len(b[0]), reverse=True)
    # fixed: labels = torch.tensor([o for _, o in batch])
    lengths = torch.tensor([len(s) for s, _ in batch])
    return (pad_sequence([s for s, _ in batch], batch_first=True), lengths), labels  # here


everything = Surnames(1100)
seen, rows = set(), []
for i, name in enumerate(everything.names):
    if name not in seen:
        seen.add(name)
        rows.append(i)
cut = int(0.8 * len(rows))
train_loader = DataLoader(torch.utils.data.Subset(everything, rows[:cut]), batch_size=30, shuffle=True, collate_fn=pack_batch)  # here
val_loader = DataLoader(torch.utils.data.Subset(everything, rows[cut:]), batch_size=60, collate_fn=pack_batch)  # here


class NameLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(27, 12, padding_idx=0)
        self.lstm = nn.LSTM(12, 24, batch_first=True)
        self.drop = nn.Dropout(0.1)
        self.fc = nn.Linear(24, 3)

    def forward(self, packed):
        chars, lengths = packed
        seq = pack_padded_sequence(self.emb(chars), lengths, batch_first=True)
        _, (h, _) = self.lstm(seq)
        return self.fc(self.drop(h[-1]))


model = NameLSTM()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)


def train():
    for epoch in range(7):
        model.train()
        epoch_loss = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            epoch_loss.append(loss.item())
        model.eval()
        correct = 0
        with torch.no_grad():
            for x, y in val_loader:
                correct += (model(x).argmax(1) == y).sum().item()
    return sum(epoch_loss) / len(epoch_loss)


if __name__ == "__main__":
    print(train())
