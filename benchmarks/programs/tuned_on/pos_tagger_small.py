"""Part-of-speech tags with an LSTM, after the sequence-models tutorial but with batches.

code: ND402
also:
object: loss_function | loss_fn | tag_scores | LSTMTagger | hidden2tag
seen: checkup
"""
import random

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader

torch.manual_seed(1)
random.seed(1)
WORDS = {"DET": "the a every this".split(), "ADJ": "old red tiny brave cold".split(),
         "NN": "dog apple book girl ship run walk".split(), "V": "ate read saw run walk found".split(),
         "ADV": "quickly often never".split()}
PATTERNS = ["DET NN V DET NN", "DET ADJ NN V ADV", "DET NN ADV V DET ADJ NN", "ADV DET NN V", "DET ADJ ADJ NN V DET NN ADV"]
tag_to_ix = {t: i for i, t in enumerate(WORDS)}
word_to_ix = {"<pad>": 0}
for ws in WORDS.values():
    for w in ws:
        word_to_ix.setdefault(w, len(word_to_ix))
PAD_TAG = -100


def sentence():
    tags = random.choice(PATTERNS).split()
    return [word_to_ix[random.choice(WORDS[t])] for t in tags], [tag_to_ix[t] for t in tags]


def collate(rows):
    n = max(len(s) for s, _ in rows)
    xs = torch.tensor([s + [0] * (n - len(s)) for s, _ in rows])
    ys = torch.tensor([t + [PAD_TAG] * (n - len(t)) for _, t in rows])
    return xs, ys


train_loader = DataLoader([sentence() for _ in range(480)], batch_size=16, shuffle=True, collate_fn=collate)
val_loader = DataLoader([sentence() for _ in range(120)], batch_size=60, collate_fn=collate)
EMBEDDING_DIM, HIDDEN_DIM = 16, 24


class LSTMTagger(nn.Module):
    def __init__(self, embedding_dim, hidden_dim, vocab_size, tagset_size):
        super(LSTMTagger, self).__init__()
        self.word_embeddings = nn.Embedding(vocab_size, embedding_dim, padding_idx=0)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim, batch_first=True)
        self.hidden2tag = nn.Linear(hidden_dim, tagset_size)

    def forward(self, sentences):
        embeds = self.word_embeddings(sentences)
        lstm_out, _ = self.lstm(embeds)
        tag_space = self.hidden2tag(lstm_out)
        tag_scores = F.softmax(tag_space, dim=-1)  # fault
        # fixed: tag_scores = F.log_softmax(tag_space, dim=-1)
        return tag_scores.transpose(1, 2)      # (batch, tag, word), as the loss wants it


model = LSTMTagger(EMBEDDING_DIM, HIDDEN_DIM, len(word_to_ix), len(tag_to_ix))
loss_function = nn.NLLLoss(ignore_index=PAD_TAG)  # here
loss_fn = loss_function  # here
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for sentences, tags in train_loader:
            model.zero_grad()
            loss = loss_function(model(sentences), tags)  # here
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        right = words = 0
        with torch.no_grad():
            for sentences, tags in val_loader:
                known = tags != PAD_TAG
                right += ((model(sentences).argmax(1) == tags) & known).sum().item()
                words += known.sum().item()
        print(epoch, round(total / len(train_loader), 4), round(right / words, 3))
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
