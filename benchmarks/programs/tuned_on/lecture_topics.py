"""Topics of lecture snippets by averaged word vectors, ported from a TF1 notebook.

code: ND608
also:
object: drop | dropout | encoder.2 | encoder.5 | KEEP_PROB | nn.Dropout | encoder
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

KEEP_PROB = 0.9


class Snippets(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.topic = torch.randint(0, 6, (n,), generator=g)
        own = self.topic[:, None] * 15 + torch.randint(0, 15, (n, 10), generator=g)
        common = torch.randint(90, 150, (n, 10), generator=g)
        self.words = torch.where(torch.rand(n, 10, generator=g) < 0.5, own, common)

    def __len__(self):
        return len(self.topic)

    def __getitem__(self, i):
        return self.words[i], self.topic[i]


class TopicNet(nn.Module):
    def __init__(self, keep_prob):
        super().__init__()
        self.vec = nn.EmbeddingBag(150, 32)
        self.encoder = nn.Sequential(
            nn.Linear(32, 64), nn.ReLU(), nn.Dropout(keep_prob),  # fault
            # fixed: nn.Linear(32, 64), nn.ReLU(), nn.Dropout(1 - keep_prob),
            nn.Linear(64, 64), nn.ReLU(), nn.Dropout(keep_prob),  # fault
            # fixed: nn.Linear(64, 64), nn.ReLU(), nn.Dropout(1 - keep_prob),
        )
        self.out = nn.Linear(64, 6)

    def forward(self, w):
        return self.out(self.encoder(self.vec(w)))


torch.manual_seed(55)
train_loader = DataLoader(Snippets(960, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Snippets(240, 1), batch_size=120)
model = TopicNet(KEEP_PROB)  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(10):
        model.train()
        run = 0.0
        for w, t in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(w), t)
            loss.backward()
            optimizer.step()
            run += loss.item()
        model.eval()
        with torch.no_grad():
            acc = sum((model(w).argmax(1) == t).sum().item() for w, t in val_loader) / 240
        print(epoch, run / len(train_loader), acc)
    return run / len(train_loader)


if __name__ == "__main__":
    print(train())
