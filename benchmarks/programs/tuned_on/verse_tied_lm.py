"""An LSTM that continues rhymed nonsense verse; input and output words share one table.

code: ND204
also:
object: out | out.weight | emb | emb.weight | tie
seen: checkup
"""
import itertools, random
import torch
from torch import nn
import torch.nn.functional as F

random.seed(10)
torch.manual_seed(10)
RHYMES = [["moon", "spoon", "tune"], ["cat", "hat", "mat"], ["sea", "bee", "tree"], ["night", "light", "kite"]]
ADJ, VERB = ["old", "blue", "tiny", "loud", "soft"], ["saw", "ate", "sang", "lost", "drew"]
VOCAB = ["<s>", "a", "the", "/"] + ADJ + VERB + list(itertools.chain(*RHYMES))
STOI = {w: i for i, w in enumerate(VOCAB)}


def verse():
    words = ["<s>"]
    for _ in range(2):
        rhyme = random.choice(RHYMES)
        for end in random.sample(rhyme, 2):
            words += ["the", random.choice(ADJ), random.choice(random.choice(RHYMES)), random.choice(VERB), "a", random.choice(ADJ), end, "/"]
    return [STOI[w] for w in words]


class VerseLM(nn.Module):
    def __init__(self, vocab, dim=40, layers=1):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.rnn = nn.LSTM(dim, dim, layers, batch_first=True)
        self.out = nn.Linear(dim, vocab, bias=False)
        nn.init.normal_(self.emb.weight, std=0.1)
        self.tie()

    def tie(self):
        with torch.no_grad():
            self.out.weight.copy_(self.emb.weight)  # fault
            # fixed: self.out.weight = self.emb.weight

    def forward(self, tokens):
        h, _ = self.rnn(self.emb(tokens))  # here
        return self.out(h)  # here


corpus = torch.tensor([verse() for _ in range(700)])
train_loader = torch.utils.data.DataLoader(corpus[:600], batch_size=20, shuffle=True)
val_loader = torch.utils.data.DataLoader(corpus[600:], batch_size=50)
model = VerseLM(len(VOCAB))


def loss_fn(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch[:, :-1]), batch[:, 1:])


optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)


def train():
    ema = None
    for epoch in range(5):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(batch[:, :-1]), batch[:, 1:])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            ema = loss.item() if ema is None else 0.9 * ema + 0.1 * loss.item()
        model.eval()
        with torch.no_grad():
            ppl = torch.stack([loss_fn(model(b[:, :-1]), b[:, 1:]) for b in val_loader]).mean().exp().item()
    return ema


if __name__ == "__main__":
    print(train())
