"""News recommendation: the clicked history attends to the candidate (DIN-like); new users have no history yet.

code: ND309
also: ND308
object: attend | NewsRec | softmax | scores | mask
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

torch.manual_seed(16)
N_NEWS, N_TOPICS, HIST, D = 40, 4, 6, 24
topic = torch.randint(0, N_TOPICS, (N_NEWS + 1,))
topic[0] = -1  # 0 = padding


def impression():
    n = int(torch.randint(0, HIST + 1, ()))
    likes = torch.randperm(N_TOPICS)[:1]
    liked = torch.isin(topic, likes).nonzero().flatten()
    history = torch.zeros(HIST, dtype=torch.long)
    history[:n] = liked[torch.randint(0, len(liked), (n,))]
    if torch.rand(()) < 0.5:
        candidate = liked[torch.randint(0, len(liked), ())]
    else:
        candidate = torch.randint(1, N_NEWS + 1, ())
    hot = candidate <= 15  # front page
    context = torch.randn(2)  # time of day, age of the article (standardised)
    p = 0.8 if topic[candidate] in likes else 0.1
    p = p + 0.1 * float(context[1] < 0)
    clicked = torch.rand(()) < (p + 0.1 if hot else p)
    return {"history": history, "candidate": candidate, "context": context, "clicked": clicked.float()}


class NewsRec(nn.Module):
    def __init__(self):
        super().__init__()
        self.news = nn.Embedding(N_NEWS + 1, D, padding_idx=0)
        nn.init.normal_(self.news.weight, std=0.3)
        self.query = nn.Linear(D, D)
        self.mlp = nn.Sequential(nn.Linear(3 * D + 2, 32), nn.ReLU(), nn.Linear(32, 1))

    def attend(self, h, c, mask):
        scores = torch.einsum("bld,bd->bl", h, self.query(c)) / D ** 0.5
        scores = scores.masked_fill(~mask, float("-inf"))  # fault
        # fixed: scores = scores.masked_fill(~mask, -1e4)
        weights = F.softmax(scores, dim=-1)  # here
        weights = weights * mask
        return torch.einsum("bl,bld->bd", weights, h)  # here

    def forward(self, history, candidate, context):
        mask = history > 0
        h, c = self.news(history), self.news(candidate)
        user = self.attend(h, c, mask)  # here
        return self.mlp(torch.cat([user, c, user * c, context], -1)).squeeze(-1)


train_loader = DataLoader([impression() for _ in range(1600)], batch_size=40, shuffle=True)
val_loader = DataLoader([impression() for _ in range(200)], batch_size=100)
model = NewsRec()
criterion = nn.BCEWithLogitsLoss()
loss_fn = criterion
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return criterion(setup.model(batch["history"], batch["candidate"], batch["context"]), batch["clicked"])


def train(epochs=4):
    for epoch in range(epochs):
        model.train()
        total = 0
        for b in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(b["history"], b["candidate"], b["context"]), b["clicked"])
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            hits = sum(((model(b["history"], b["candidate"], b["context"]) > 0) == (b["clicked"] > 0)).sum().item() for b in val_loader)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
