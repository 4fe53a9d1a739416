"""Routes scraped questions to a topic with a small text CNN. The scrape has many reposts.

code: ND105
also:
object: questions | scrape | corpus | val_part | val_loader | posts
seen: both
"""
import random
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

random.seed(51)
torch.manual_seed(51)
TOPICS = {"cooking": "pan boil salt oven dough knife simmer", "cycling": "gear chain brake saddle tyre climb spoke", "law": "court lease notice clause appeal fine permit",
          "garden": "soil prune seed mulch frost bulb hedge"}
COMMON = "how do i my the a with when should after before can why is it not to of any best way need help please again old new".split()


def ask(topic):
    words = TOPICS[topic].split()
    return [random.choice(words) if random.random() < 0.25 else random.choice(COMMON) for _ in range(random.randint(8, 14))]


def scrape(n):
    posts = []
    while len(posts) < n:
        topic = random.choice(list(TOPICS))
        text = " ".join(ask(topic))
        for _ in range(random.choice([1, 1, 1, 2, 3])):
            posts.append((text, topic))
    random.shuffle(posts)
    return posts


def clean(posts):
    kept = [(t.strip().lower(), topic) for t, topic in posts if len(t.split()) > 3]
    return kept  # fault
    # fixed: return list(dict.fromkeys(kept))


questions = clean(scrape(1500))  # here
vocab = {"<pad>": 0}
for text, _ in questions:
    for w in text.split():
        vocab.setdefault(w, len(vocab))
classes = sorted(TOPICS)


def collate(batch):
    ids = [torch.tensor([vocab[w] for w in text.split()]) for text, _ in batch]
    return nn.utils.rnn.pad_sequence(ids, batch_first=True), torch.tensor([classes.index(t) for _, t in batch])


cut = int(0.8 * len(questions))
train_part, val_part = questions[:cut], questions[cut:]  # here
train_loader = DataLoader(train_part, batch_size=32, shuffle=True, collate_fn=collate)  # here
val_loader = DataLoader(val_part, batch_size=100, collate_fn=collate)  # here


class TextCNN(nn.Module):
    def __init__(self, words, dim=16, maps=16):
        super().__init__()
        self.emb = nn.Embedding(words, dim, padding_idx=0)
        self.convs = nn.ModuleList([nn.Conv1d(dim, maps, k, padding=k // 2) for k in (1, 3)])
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(2 * maps, len(classes))

    def forward(self, ids):
        e = self.emb(ids).transpose(1, 2)
        return self.fc(self.drop(torch.cat([F.relu(c(e)).amax(2) for c in self.convs], 1)))


model = TextCNN(len(vocab))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)


def train():
    for epoch in range(7):
        model.train()
        run = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            run += loss.item() * len(y)
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / len(val_part)
    return run / len(train_part)


if __name__ == "__main__":
    print(train())
