"""Are two classified adverts offers of the same thing? Word counts of both, compared.

code: ND303
also:
object: right | forward | cat | PairNet | u
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(17)
WORDS, TOPICS = 40, 8
topic_words = torch.softmax(2.5 * torch.randn(TOPICS, WORDS), 1)


class Pairs(Dataset):
    def __init__(self, n):
        first = torch.randint(0, TOPICS, (n,))
        other = (first + torch.randint(1, TOPICS, (n,))) % TOPICS
        self.same = torch.rand(n) < 0.5
        second = torch.where(self.same, first, other)
        self.left, self.right = self.advert(first), self.advert(second)

    @staticmethod
    def advert(topic):
        words = torch.multinomial(topic_words[topic], 15, replacement=True)
        counts = nn.functional.one_hot(words, WORDS).sum(1).float()
        return (counts - 15 / WORDS) / 0.8

    def __len__(self):
        return len(self.same)

    def __getitem__(self, i):
        return {"left": self.left[i], "right": self.right[i], "same": self.same[i].float()}


class PairNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.read = nn.Sequential(nn.Linear(WORDS, 32), nn.ReLU(), nn.Linear(32, 16))
        self.judge = nn.Sequential(nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, left, right):
        u = self.read(left)
        v = self.read(left)  # fault
        # fixed: v = self.read(right)
        return self.judge(torch.cat([u, v, (u - v).abs()], dim=1)).squeeze(1)  # here


train_loader = DataLoader(Pairs(2000), batch_size=50, shuffle=True)
val_loader = DataLoader(Pairs(400), batch_size=100)
model = PairNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["left"], batch["right"]), batch["same"])


def train():
    for epoch in range(10):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss_fn(model(batch["left"], batch["right"]), batch["same"]).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        good = sum(((model(b["left"], b["right"]) > 0) == (b["same"] > 0.5)).sum().item() for b in val_loader)
    print("val accuracy", good / 400)


if __name__ == "__main__":
    train()
