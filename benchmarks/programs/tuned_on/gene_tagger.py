"""Marks gene names in sentences (BIO tags) with a BiLSTM and a hand-written CRF layer.

code: ND311
also: ND308, ND310
object: crf | log_partition | alpha | exp | log | CRF
seen: watch
"""
import random

import torch
import torch.nn as nn
from torch.utils.data import DataLoader

TAGS = ["O", "B-gene", "I-gene", "B-drug", "I-drug"]
GENES = ["brca1", "tp53", "egfr", "kras", "myc"]
DRUGS = ["aspirin", "imatinib", "taxol", "metformin"]
FILL = "the of in and we found expression was increased by patients with cells treated showed a high level".split()
VOCAB = {w: i for i, w in enumerate(FILL + GENES + DRUGS + ["receptor", "kinase", "acid", "sulfate"])}
LENGTH = 50


def abstract(r):
    words, tags = [], []
    while len(words) < LENGTH:
        u = r.random()
        if u < 0.12:
            words.append(r.choice(GENES)); tags.append(1)
            if r.random() < 0.5:
                words.append(r.choice(["receptor", "kinase"])); tags.append(2)
        elif u < 0.22:
            words.append(r.choice(DRUGS)); tags.append(3)
            if r.random() < 0.5:
                words.append(r.choice(["acid", "sulfate"])); tags.append(4)
        else:
            words.append(r.choice(FILL)); tags.append(0)
    return torch.tensor([VOCAB[w] for w in words[:LENGTH]]), torch.tensor(tags[:LENGTH])


class CRF(nn.Module):
    def __init__(self, n_tags):
        super().__init__()
        self.trans = nn.Parameter(0.1 * torch.randn(n_tags, n_tags))

    def log_partition(self, emissions):
        alpha = emissions[:, 0]
        for t in range(1, emissions.size(1)):
            scores = alpha.unsqueeze(2) + self.trans + emissions[:, t].unsqueeze(1)
            alpha = torch.log(torch.exp(scores).sum(dim=1))  # fault
            # fixed: alpha = torch.logsumexp(scores, dim=1)
        return torch.log(torch.exp(alpha).sum(dim=1))  # fault
        # fixed: return torch.logsumexp(alpha, dim=1)

    def path_score(self, emissions, tags):
        emit = emissions.gather(2, tags.unsqueeze(2)).squeeze(2).sum(1)
        return emit + self.trans[tags[:, :-1], tags[:, 1:]].sum(1)

    def forward(self, emissions, tags):
        nll = self.log_partition(emissions) - self.path_score(emissions, tags)  # here
        return nll.mean() / emissions.size(1)


class Tagger(nn.Module):
    def __init__(self, emb=16, hid=16):
        super().__init__()
        self.emb = nn.Embedding(len(VOCAB), emb)
        self.lstm = nn.LSTM(emb, hid, batch_first=True, bidirectional=True)
        self.emit = nn.Linear(2 * hid, len(TAGS))
        self.crf = CRF(len(TAGS))  # here

    def forward(self, words):
        return self.emit(self.lstm(self.emb(words))[0])


r = random.Random(31)
sentences = [abstract(r) for _ in range(300)]
torch.manual_seed(31)
train_loader = DataLoader(sentences[:240], batch_size=16, shuffle=True)
val_loader = DataLoader(sentences[240:], batch_size=60)
model = Tagger()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def batch_loss(setup, batch):
    words, tags = batch
    return setup.model.crf(setup.model(words), tags)


def train(epochs=4):
    late = []
    for epoch in range(epochs):
        model.train()
        for words, tags in train_loader:
            optimizer.zero_grad()
            loss = model.crf(model(words), tags)  # here
            loss.backward()
            optimizer.step()
            late.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(model.crf(model(w), t).item() for w, t in val_loader)
        print(epoch, round(late[-1], 4), round(val, 4))
    return sum(late[-10:]) / 10


if __name__ == "__main__":
    print(train())
