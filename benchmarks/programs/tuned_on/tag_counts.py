"""Multi-label tags of forum threads from their averaged word vectors (EmbeddingBag).

code: ND103
also: ND404
object: tags | tag_vector | collate_threads | targets | train_loader | loss_fn
seen: both
"""
import random
import torch
from torch import nn
from torch.utils.data import DataLoader

rnd = random.Random(12)
torch.manual_seed(12)
TAGS, WORDS = 8, 160


def thread():
    """(word ids, the tag of every post in the thread)"""
    topics = rnd.sample(range(TAGS), rnd.choice([1, 1, 2, 3]))
    posts = [rnd.choice(topics) for _ in range(rnd.randint(len(topics), 5))]
    words = []
    for t in posts:
        words += [rnd.randrange(t * 20, t * 20 + 20) if rnd.random() < 0.7 else rnd.randrange(WORDS) for _ in range(8)]
    return words, posts


def tag_vector(posts):
    v = torch.zeros(TAGS)
    v.scatter_add_(0, torch.tensor(posts), torch.ones(len(posts)))  # fault
    # fixed: v[torch.tensor(posts)] = 1.0
    return v


def collate_threads(batch):
    flat = torch.tensor([w for words, _ in batch for w in words])
    lengths = torch.tensor([len(words) for words, _ in batch])
    starts = torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)[:-1]])
    tags = torch.stack([tag_vector(p) for _, p in batch])  # here
    return {"words": flat, "offsets": starts}, tags


threads = [thread() for _ in range(1000)]
train_loader = DataLoader(threads[:800], batch_size=40, shuffle=True, collate_fn=collate_threads)  # here
val_loader = DataLoader(threads[800:], batch_size=200, collate_fn=collate_threads)


class Tagger(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.bag = nn.EmbeddingBag(WORDS, dim, mode="mean")
        self.out = nn.Sequential(nn.Linear(dim, 32), nn.ReLU(), nn.Linear(32, TAGS))

    def forward(self, b):
        return self.out(self.bag(b["words"], b["offsets"]))


model = Tagger()
loss_fn = nn.BCEWithLogitsLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def f1(loader):
    model.eval()
    tp = fp = fn = 0
    with torch.no_grad():
        for b, t in loader:
            p, t = model(b) > 0, t > 0
            tp += (p & t).sum().item(); fp += (p & ~t).sum().item(); fn += (~p & t).sum().item()
    return 2 * tp / max(1, 2 * tp + fp + fn)


def train(epochs=10):
    for _ in range(epochs):
        model.train()
        recent = []
        for b, t in train_loader:
            loss = loss_fn(model(b), t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recent.append(loss.item())
        f1(val_loader)
    return sum(recent) / len(recent)


if __name__ == "__main__":
    print(train())
