"""Forum posts to be removed are rare: class weights are the inverse of the frequencies.

code: none
trait: 9 to 1 imbalance with class weights in the loss
"""
from collections import Counter

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

VOCAB = 300


class Posts(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.posts = []
        for _ in range(n):
            bad = int(torch.rand((), generator=g) < 0.1)
            length = int(torch.randint(12, 30, (), generator=g))
            words = torch.randint(40, VOCAB, (length,), generator=g)
            rude = torch.rand(length, generator=g) < (0.45 if bad else 0.03)
            words[rude] = torch.randint(0, 40, (int(rude.sum()),), generator=g)
            self.posts.append((words, bad))

    def __len__(self):
        return len(self.posts)

    def __getitem__(self, i):
        return self.posts[i]


def collate(posts):
    words = [w for w, _ in posts]
    offsets = torch.tensor([0] + [len(w) for w in words[:-1]]).cumsum(0)
    return {"words": torch.cat(words), "offsets": offsets}, torch.tensor([bad for _, bad in posts])


class Moderator(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(VOCAB, 32, mode="mean")
        self.head = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, batch):
        return self.head(self.bag(batch["words"], batch["offsets"]))


torch.manual_seed(34)
train_set, val_set = Posts(1600, 1), Posts(400, 2)
share = Counter(bad for _, bad in train_set.posts)
weights = torch.tensor([len(train_set) / (2 * share[k]) for k in range(2)])
train_loader = DataLoader(train_set, batch_size=40, shuffle=True, collate_fn=collate)
val_loader = DataLoader(val_set, batch_size=100, collate_fn=collate)
model = Moderator()
loss_fn = nn.CrossEntropyLoss(weight=weights)
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for batch, bad in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(batch), bad)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        hit = found = 0
        with torch.no_grad():
            for batch, bad in val_loader:
                guess = model(batch).argmax(1)
                hit += ((guess == 1) & (bad == 1)).sum().item()
                found += (bad == 1).sum().item()
        print(epoch, sum(losses) / len(losses), hit / found)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
