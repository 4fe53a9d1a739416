"""Are two questions of the forum duplicates? Siamese encoder over token ids.

code: ND303
also:
object: forward | SiameseNet | question2 | q2 | encode
seen: checkup
"""
import random

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

random.seed(13)
torch.manual_seed(13)
VOCAB, LEN, TOPICS = 200, 10, 20
TOPIC_WORDS = [random.sample(range(20, VOCAB), 12) for _ in range(TOPICS)]


def question(topic):
    words = [random.choice(TOPIC_WORDS[topic]) if random.random() < 0.75 else random.randrange(1, 20) for _ in range(LEN)]
    k = random.randint(6, LEN)
    return words[:k] + [0] * (LEN - k)


class QuestionPairs(Dataset):
    def __init__(self, n):
        self.rows = []
        for _ in range(n):
            t1 = random.randrange(TOPICS)
            dup = random.random() < 0.5
            t2 = t1 if dup else random.choice([t for t in range(TOPICS) if t != t1])
            self.rows.append((question(t1), question(t2), float(dup)))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        q1, q2, y = self.rows[i]
        return {"question1": torch.tensor(q1), "question2": torch.tensor(q2), "is_duplicate": torch.tensor(y)}


class SiameseNet(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, dim, padding_idx=0)
        self.gru = nn.GRU(dim, dim, batch_first=True)
        self.classifier = nn.Sequential(nn.Linear(4 * dim, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 1))

    def encode(self, ids):
        keep = (ids != 0).unsqueeze(-1)
        h, _ = self.gru(self.embed(ids))
        return h.masked_fill(~keep, 0).sum(1) / keep.sum(1)

    def forward(self, question1, question2):
        u = self.encode(question1)
        v = self.encode(question1)  # fault
        # fixed: v = self.encode(question2)
        features = torch.cat([u, v, (u - v).abs(), u * v], dim=1)  # here
        return self.classifier(features).squeeze(1)


train_loader = DataLoader(QuestionPairs(1200), batch_size=48, shuffle=True)
val_loader = DataLoader(QuestionPairs(300), batch_size=100)
model = SiameseNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["question1"], batch["question2"]), batch["is_duplicate"])


def train(epochs=5):
    for epoch in range(epochs):
        model.train()
        tr = []
        for batch in train_loader:
            logits = model(batch["question1"], batch["question2"])  # here
            loss = loss_fn(logits, batch["is_duplicate"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            tr.append(loss.item())
        model.eval()
        right = total = 0
        with torch.no_grad():
            for batch in val_loader:
                p = model(batch["question1"], batch["question2"]) > 0
                right += (p.float() == batch["is_duplicate"]).sum().item()
                total += len(p)
        print(f"epoch {epoch}: loss {sum(tr) / len(tr):.4f}  acc {right / total:.3f}")
    return sum(tr) / len(tr)


if __name__ == "__main__":
    print(train())
