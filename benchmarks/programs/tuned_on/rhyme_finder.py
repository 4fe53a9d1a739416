"""Character language model with input and output embeddings shared; grows its vocabulary for special marks.

code: ND204
also:
object: tok | tok.weight | out | out.weight | add_tokens
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

WORDS = "light night bright sight rain train plain chain stone bone alone phone day play stay may deep sleep keep sheep".split()
chars = sorted(set("".join(WORDS)))
stoi = {c: i for i, c in enumerate(chars)}


class CharLM(nn.Module):
    """LSTM LM; the softmax layer reuses the embedding matrix (Press & Wolf 2017)."""

    def __init__(self, vocab, d=48):
        super().__init__()
        self.tok = nn.Embedding(vocab, d)
        nn.init.normal_(self.tok.weight, std=0.1)
        self.lstm = nn.LSTM(d, d, batch_first=True)
        self.out = nn.Linear(d, vocab, bias=False)
        self.out.weight = self.tok.weight  # tied

    def add_tokens(self, k):
        old = self.tok.weight.data
        self.tok = nn.Embedding(len(old) + k, old.shape[1])  # here
        nn.init.normal_(self.tok.weight, std=0.1)
        self.tok.weight.data[:len(old)] = old
        self.out = nn.Linear(old.shape[1], len(old) + k, bias=False)  # fault
        # fixed: self.out = nn.Linear(old.shape[1], len(old) + k, bias=False)
        # fixed: self.out.weight = self.tok.weight
        return self

    def forward(self, ids):
        h, _ = self.lstm(self.tok(ids))
        return self.out(h)


torch.manual_seed(1)
model = CharLM(len(chars)).add_tokens(2)  # here
BOS, EOS = len(chars), len(chars) + 1


def make_lines(n, seed):
    g = torch.Generator().manual_seed(seed)
    rows = []
    while len(rows) < n:
        w = WORDS[torch.randint(len(WORDS), (1,), generator=g)] + WORDS[torch.randint(len(WORDS), (1,), generator=g)]
        ids = ([BOS] + [stoi[c] for c in w] + [EOS])[:9]
        if len(ids) == 9:
            rows.append(ids)
    return torch.tensor(rows)


def collate(rows):
    block = torch.stack(rows)
    return block[:, :-1], block[:, 1:]


train_loader = torch.utils.data.DataLoader(make_lines(480, 0), batch_size=40, shuffle=True, collate_fn=collate)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def train():
    tail = []
    for epoch in range(8):
        for inp, tgt in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(inp), tgt)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            tail.append(loss.item())
    return sum(tail[-12:]) / 12


if __name__ == "__main__":
    print(train())
