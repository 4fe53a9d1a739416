"""Sorts complaints of bank clients into departments; LSTM with additive attention over the words.

code: ND206
also:
object: attention | attention.score | attention.proj | attn
seen: checkup
"""
import random
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

random.seed(99)
torch.manual_seed(99)

THEMES = {
    "cards": "card pin atm swallowed blocked contactless".split(),
    "loans": "loan rate mortgage instalment interest credit".split(),
    "online": "login password app crashed website token".split(),
    "branch": "queue staff branch closed rude counter".split(),
}
NOISE = "i have been a client for years and my the was is not it when yesterday again please help very you".split()


def complaint():
    label = random.randrange(len(THEMES))
    theme = THEMES[list(THEMES)[label]]
    other = random.choice(sum(THEMES.values(), []))
    body = [random.choice(NOISE) for _ in range(random.randint(6, 14))]
    for w in [random.choice(theme), random.choice(theme), other]:
        body.insert(random.randint(0, len(body)), w)
    return body, label


samples = [complaint() for _ in range(800)]
itos = ["<pad>"] + sorted({w for s, _ in samples for w in s})
stoi = {w: i for i, w in enumerate(itos)}


def collate(batch):
    xs = pad_sequence([torch.tensor([stoi[w] for w in s]) for s, _ in batch], batch_first=True)
    return xs, torch.tensor([l for _, l in batch])


train_loader = DataLoader(samples[:640], batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader(samples[640:], batch_size=80, collate_fn=collate)


class AdditiveAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.proj = nn.Linear(dim, dim)
        self.score = nn.Linear(dim, 1, bias=False)

    def forward(self, states, mask):
        e = self.score(torch.tanh(self.proj(states))).squeeze(-1).masked_fill(~mask, float("-inf"))
        w = e.softmax(dim=1)
        return torch.bmm(w.unsqueeze(1), states).squeeze(1)


class ComplaintClassifier(nn.Module):
    def __init__(self, vocab, emb=32, hid=40, classes=4):
        super().__init__()
        self.embedding = nn.Embedding(vocab, emb, padding_idx=0)
        self.lstm = nn.LSTM(emb, hid, batch_first=True, bidirectional=True)
        self.attention = AdditiveAttention(2 * hid)  # here
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(2 * hid, classes)

    def forward(self, x):
        mask = x != 0
        lengths = mask.sum(1)
        packed = nn.utils.rnn.pack_padded_sequence(self.embedding(x), lengths, batch_first=True, enforce_sorted=False)
        states, (h, _) = self.lstm(packed)
        states, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True, total_length=x.shape[1])
        context = torch.cat([h[0], h[1]], dim=1)  # fault
        # fixed: context = self.attention(states, mask)
        return self.fc(self.dropout(context))


model = ComplaintClassifier(len(itos))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def evaluate(loader):
    model.eval()
    good = n = 0
    with torch.no_grad():
        for x, y in loader:
            good += (model(x).argmax(1) == y).sum().item()
            n += len(y)
    return good / n


def train():
    for epoch in range(4):
        model.train()
        ls = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            ls.append(loss.item())
        print(epoch, round(sum(ls) / len(ls), 4), round(evaluate(val_loader), 3))
    return sum(ls) / len(ls)


if __name__ == "__main__":
    print(train())
