"""Multi-label moderation of chat notes. Port of our old TF1 graph (keep_prob and all).

code: ND608
also:
object: dropout | drop1 | drop2 | drop_emb | keep_prob | Dropout
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

np.random.seed(1)
torch.manual_seed(1)

TAGS = ["toxic", "spam", "threat", "off_topic"]
FLAGS = {
    "vocab_size": 260,
    "embedding_dim": 32,
    "hidden": 48,
    "keep_prob": 0.9,
    "batch_size": 40,
    "learning_rate": 3e-3,
}


class Notes(Dataset):
    def __init__(self, n):
        self.ids, self.tags = [], []
        for _ in range(n):
            tags = np.random.rand(len(TAGS)) < [0.35, 0.3, 0.25, 0.4]
            words = np.random.randint(60, FLAGS["vocab_size"], 20)
            for k in np.flatnonzero(tags):
                where = np.random.choice(20, 3, replace=False)
                words[where] = np.random.randint(1 + 15 * k, 16 + 15 * k, 3)
            self.ids.append(words)
            self.tags.append(tags.astype(np.float32))

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return torch.as_tensor(self.ids[i]), torch.as_tensor(self.tags[i])


class NoteGRU(nn.Module):
    def __init__(self, flags):
        super().__init__()
        self.embedding = nn.Embedding(flags["vocab_size"], flags["embedding_dim"])
        self.rnn = nn.GRU(flags["embedding_dim"], flags["hidden"], batch_first=True)
        self.drop1 = nn.Dropout(flags["keep_prob"])  # fault
        # fixed: self.drop1 = nn.Dropout(1 - flags["keep_prob"])
        self.fc = nn.Linear(flags["hidden"], flags["hidden"])
        self.drop2 = nn.Dropout(flags["keep_prob"])  # fault
        # fixed: self.drop2 = nn.Dropout(1 - flags["keep_prob"])
        self.out = nn.Linear(flags["hidden"], len(TAGS))

    def forward(self, ids):
        h, _ = self.rnn(self.drop1(self.embedding(ids)))  # here
        h = torch.relu(self.fc(h.mean(1)))
        return self.out(self.drop2(h))  # here


train_loader = DataLoader(Notes(600), batch_size=FLAGS["batch_size"], shuffle=True)
val_loader = DataLoader(Notes(160), batch_size=80)
model = NoteGRU(FLAGS)  # here
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=FLAGS["learning_rate"])


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        losses = []
        for ids, tags in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), tags)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = np.mean([((model(ids) > 0) == tags.bool()).float().mean().item() for ids, tags in val_loader])
        print("step %4d  loss %.4f  tag accuracy %.3f" % ((epoch + 1) * len(train_loader), np.mean(losses), acc))
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
