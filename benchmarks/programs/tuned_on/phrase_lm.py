"""Next-word LSTM over machine log phrases, input and output embedding shared.

code: ND204
also:
object: decoder | encoder | decoder.weight | encoder.weight | tie_weights
seen: checkup
"""
import math
import random

import torch
import torch.nn as nn

random.seed(1)
torch.manual_seed(1)

SUBJECTS = "pump valve motor fan belt sensor relay heater".split()
STATES = "started stopped failed recovered overheated stalled".split()
TAILS = ["", "after restart", "during shift two", "without warning", "on line four", "at low load"]


def phrases(n):
    words = []
    for _ in range(n):
        s = random.randrange(len(SUBJECTS))
        state = STATES[(s + random.choice([0, 0, 1])) % len(STATES)]
        words += ["the", SUBJECTS[s], state] + random.choice(TAILS).split() + ["<eos>"]
    return words


corpus = phrases(900)
vocab = sorted(set(corpus))
index = {w: i for i, w in enumerate(vocab)}
ids = torch.tensor([index[w] for w in corpus])
n_train = int(0.85 * len(ids))
BPTT = 16


class Chunks(torch.utils.data.Dataset):
    def __init__(self, stream):
        n = (len(stream) - 1) // BPTT
        self.x = stream[: n * BPTT].view(n, BPTT)
        self.y = stream[1: n * BPTT + 1].view(n, BPTT)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


train_loader = torch.utils.data.DataLoader(Chunks(ids[:n_train]), batch_size=16, shuffle=True)
val_loader = torch.utils.data.DataLoader(Chunks(ids[n_train:]), batch_size=32)


class RNNModel(nn.Module):
    def __init__(self, ntoken, ninp=32, dropout=0.1, tie_weights=True):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(ntoken, ninp)  # here
        self.rnn = nn.LSTM(ninp, ninp, batch_first=True)
        self.decoder = nn.Linear(ninp, ntoken)  # here
        self.init_weights()
        if tie_weights:
            self.decoder.weight = nn.Parameter(self.encoder.weight.clone())  # fault
            # fixed: self.decoder.weight = self.encoder.weight

    def init_weights(self):
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, tokens):
        output, _ = self.rnn(self.drop(self.encoder(tokens)))
        return self.decoder(self.drop(output)).transpose(1, 2)  # (batch, words, time) for the loss


model = RNNModel(len(vocab), tie_weights=True)  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def evaluate():
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in val_loader:
            total += loss_fn(model(x), y).item() * y.numel()
            count += y.numel()
    return total / count


def train():
    for epoch in range(1, 6):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
        val = evaluate()
        print(f"| epoch {epoch} | loss {total / len(train_loader):.3f} | valid {val:.3f} | ppl {math.exp(val):.2f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
