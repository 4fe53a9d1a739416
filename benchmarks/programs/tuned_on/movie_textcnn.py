"""Movie review sentiment with a Kim-style convolutional sentence classifier.

code: ND203
also:
object: convs
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

np.random.seed(5)
torch.manual_seed(5)

good = "great superb moving funny brilliant charming".split()
bad = "dull boring awful clumsy weak tedious".split()
rest = "the film a plot actor scene and with was very story it this of".split()
itos = ["<pad>", "not"] + good + bad + rest
stoi = {w: i for i, w in enumerate(itos)}
MAXLEN = 14


def review():
    label = np.random.randint(2)
    words = list(np.random.choice(rest, np.random.randint(5, MAXLEN - 4)))
    for _ in range(2):
        flip = np.random.rand() < 0.35
        word = np.random.choice(good if label != flip else bad)
        at = np.random.randint(len(words) + 1)
        words[at:at] = ["not", word] if flip else [word]
    return [stoi[w] for w in words], label


def collate(batch):
    ids = torch.zeros(len(batch), MAXLEN, dtype=torch.long)
    for i, (words, _) in enumerate(batch):
        ids[i, : len(words)] = torch.tensor(words)
    return ids, torch.tensor([lab for _, lab in batch])


train_data, dev_data = [review() for _ in range(800)], [review() for _ in range(200)]
train_loader = DataLoader(train_data, batch_size=25, shuffle=True, collate_fn=collate)
val_loader = DataLoader(dev_data, batch_size=50, collate_fn=collate)


class TextCNN(nn.Module):
    def __init__(self, vocab, dim=16, n_filters=12, filter_sizes=(2, 3, 4), n_classes=2):
        super().__init__()
        self.embedding = nn.Embedding(vocab, dim, padding_idx=0)
        self.convs = [nn.Conv2d(1, n_filters, (k, dim)) for k in filter_sizes]  # fault
        # fixed: self.convs = nn.ModuleList([nn.Conv2d(1, n_filters, (k, dim)) for k in filter_sizes])
        self.dropout = nn.Dropout(0.3)
        self.fc = nn.Linear(n_filters * len(filter_sizes), n_classes)

    def forward(self, ids):
        x = self.embedding(ids).unsqueeze(1)
        x = [F.relu(conv(x)).squeeze(3) for conv in self.convs]  # here
        x = [F.max_pool1d(c, c.size(2)).squeeze(2) for c in x]
        return self.fc(self.dropout(torch.cat(x, 1)))


model = TextCNN(len(itos))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)  # here


def evaluate(loader):
    model.eval()
    hit = 0
    with torch.no_grad():
        for ids, lab in loader:
            hit += (model(ids).argmax(-1) == lab).sum().item()
    return hit / len(loader.dataset)


def train():
    for epoch in range(6):
        model.train()
        tot = 0.0
        for ids, lab in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), lab)
            loss.backward()
            optimizer.step()
            tot += loss.item()
        print("epoch", epoch, "loss", tot / len(train_loader), "dev acc", evaluate(val_loader))
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())
