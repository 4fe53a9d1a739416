"""Newsdesk: desk of a headline from its words, tiny transformer, vocabulary from the training headlines.

code: ND106
also:
object: tokens | tokenise | val_set | val_loader | encode | lower
seen: both
"""
import random
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

random.seed(83)
torch.manual_seed(83)
DESKS = {
    "sport": "coach striker final goal league medal injury relay transfer penalty".split(),
    "money": "bank rates shares bond inflation merger profit debt tariff budget".split(),
    "science": "telescope gene fossil vaccine comet reactor glacier neuron orbit enzyme".split(),
}
FILL = "new as after over big for says with first in how why could faces more of".split()


def headline(desk):
    words = [random.choice(DESKS[desk]) if random.random() < 0.3 else random.choice(FILL) for _ in range(random.randint(5, 9))]
    style = random.random()
    if style < 0.4:
        words = [w.capitalize() for w in words]
    elif style < 0.6:
        words = [w.upper() for w in words]
    else:
        words[0] = words[0].capitalize()
    return " ".join(words)


class Headlines(Dataset):
    def __init__(self, n, vocab=None, training=False):
        self.desk = [random.randrange(3) for _ in range(n)]
        names = list(DESKS)
        self.text = [headline(names[d]) for d in self.desk]
        self.training = training
        self.vocab = vocab if vocab is not None else self.build()

    def tokenise(self, text):
        if self.training:  # fault
        # fixed: if text:
            text = text.lower()  # here
        return text.split()

    def build(self):
        words = sorted({w for t in self.text for w in self.tokenise(t)})
        return {"<pad>": 0, "<unk>": 1, **{w: i + 2 for i, w in enumerate(words)}}

    def __len__(self):
        return len(self.text)

    def __getitem__(self, i):
        ids = [self.vocab.get(w, 1) for w in self.tokenise(self.text[i])]  # here
        return torch.tensor(ids), self.desk[i]


def pad(batch):
    ids = nn.utils.rnn.pad_sequence([b[0] for b in batch], batch_first=True)
    return ids, torch.tensor([b[1] for b in batch])


train_set = Headlines(640, training=True)  # here
val_set = Headlines(160, vocab=train_set.vocab)  # here
train_loader = DataLoader(train_set, batch_size=32, shuffle=True, collate_fn=pad)
val_loader = DataLoader(val_set, batch_size=80, collate_fn=pad)  # here


class Desk(nn.Module):
    def __init__(self, vocab, d=24):
        super().__init__()
        self.emb = nn.Embedding(vocab, d, padding_idx=0)
        self.block = nn.TransformerEncoderLayer(d, 2, 48, dropout=0.1, batch_first=True)
        self.out = nn.Linear(d, 3)

    def forward(self, ids):
        pad_mask = ids == 0
        h = self.block(self.emb(ids), src_key_padding_mask=pad_mask)
        keep = (~pad_mask).unsqueeze(-1)
        return self.out((h * keep).sum(1) / keep.sum(1))


model = Desk(len(train_set.vocab))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for ids, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(i).argmax(1) == y).sum().item() for i, y in val_loader) / len(val_set)
    print("val", acc)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
