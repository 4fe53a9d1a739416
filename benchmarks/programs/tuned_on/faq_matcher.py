"""Two towers: a user's question and the FAQ entry that answers it, in-batch softmax.

code: ND501
also:
object: faq_tower | embed_faq | TwoTowers
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Dataset, DataLoader


class Pairs(Dataset):
    def __init__(self, n, seed, topics=80):
        g = torch.Generator().manual_seed(seed)
        self.topic = torch.randint(0, topics, (n,), generator=g)
        q = torch.randint(0, 3, (n, 6), generator=g)
        f = torch.randint(0, 3, (n, 12), generator=g)
        self.q = self.topic[:, None] * 3 + q
        self.f = (self.topic[:, None] * 3 + f + 7) % (3 * topics)

    def __len__(self):
        return len(self.q)

    def __getitem__(self, i):
        return {"question": self.q[i], "faq": self.f[i]}


class Tower(nn.Module):
    def __init__(self, vocab=240, d=32):
        super().__init__()
        self.words = nn.Embedding(vocab, d)
        self.mix = nn.Sequential(nn.Linear(d, d), nn.GELU(), nn.Linear(d, d))

    def forward(self, ids):
        return F.normalize(self.mix(self.words(ids).mean(1)), dim=-1)


class TwoTowers(nn.Module):
    def __init__(self):
        super().__init__()
        self.question_tower, self.faq_tower = Tower(), Tower()
        self.log_scale = nn.Parameter(torch.tensor(2.))

    @torch.no_grad()  # fault
    # fixed:
    def embed_faq(self, ids):  # here
        return self.faq_tower(ids)  # here

    def forward(self, question, faq):
        return self.log_scale.exp() * self.question_tower(question) @ self.embed_faq(faq).T  # here


torch.manual_seed(18)
train_loader = DataLoader(Pairs(512, 1), batch_size=32, shuffle=True, drop_last=True)
val_loader = DataLoader(Pairs(128, 2), batch_size=32, drop_last=True)
model = TwoTowers()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)


def batch_loss(setup, batch):
    sims = setup.model(batch["question"], batch["faq"])
    return F.cross_entropy(sims, torch.arange(len(sims)))


def train():
    class setup: pass
    setup.model = model
    for epoch in range(8):
        model.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(setup, b).item() for b in val_loader) / len(val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
