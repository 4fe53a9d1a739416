"""Tags contract clauses; a clause may carry several tags (liability, term, payment ...) or none.

code: ND404
also:
object: loss_fn | CrossEntropyLoss | criterion
seen: checkup
"""
import random
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

TAGS = ["liability", "term", "payment", "secrecy", "law", "notice"]
random.seed(20)
VOCAB = 90


def clause():
    tags = [k for k in range(len(TAGS)) if random.random() < 0.35]
    words = [random.randrange(60, VOCAB) for _ in range(8)]
    for k in tags:
        words += [10 * k + random.randrange(10) for _ in range(2)]
    random.shuffle(words)
    return words, tags


class Clauses(Dataset):
    def __init__(self, n):
        self.items = [clause() for _ in range(n)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        words, tags = self.items[i]
        bag, target = torch.zeros(VOCAB), torch.zeros(len(TAGS))
        bag[words] = 1.0
        target[tags] = 1.0
        return bag, target  # here


torch.manual_seed(20)
train_loader = DataLoader(Clauses(800), batch_size=40, shuffle=True)
val_loader = DataLoader(Clauses(200), batch_size=100)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(VOCAB, 48)
        self.drop = nn.Dropout(0.2)
        self.tags = nn.Linear(48, len(TAGS))

    def forward(self, bag):
        return self.tags(self.drop(torch.relu(self.embed(bag))))


model = Tagger()
loss_fn = nn.CrossEntropyLoss()  # fault
# fixed: loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def micro_f1():
    model.eval()
    tp = fp = fn = 0
    with torch.no_grad():
        for bag, y in val_loader:
            p = model(bag) > 0
            y = y > 0.5
            tp += (p & y).sum().item(); fp += (p & ~y).sum().item(); fn += (~p & y).sum().item()
    return 2 * tp / max(1, 2 * tp + fp + fn)


def train():
    for epoch in range(8):
        model.train()
        s = 0.0
        for bag, y in train_loader:
            loss = loss_fn(model(bag), y)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            s += loss.item()
        print(epoch, s / len(train_loader), micro_f1())
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())
