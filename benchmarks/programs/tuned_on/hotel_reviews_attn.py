"""Hotel reviews, stars good/bad, BiLSTM with attention over the words (toy vocabulary).

code: ND206
also: ND501
object: attention | attention.weight | attention.bias | context | ReviewNet
seen: checkup
"""
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

random.seed(4)
torch.manual_seed(4)
GOOD = "clean quiet friendly lovely spacious comfy tasty helpful".split()
BAD = "dirty noisy rude broken tiny smelly cold bland".split()
FILL = "the room was and breakfast staff we stayed very night with view bed".split()
itos = ["<pad>", "not"] + GOOD + BAD + FILL
stoi = {w: i for i, w in enumerate(itos)}


def write_review():
    good = random.random() < 0.5
    words = []
    for _ in range(random.randint(3, 6)):
        words += random.sample(FILL, random.randint(1, 3))
        if random.random() < 0.15:
            words += ["not", random.choice(BAD if good else GOOD)]
        else:
            words.append(random.choice(GOOD if good else BAD))
    return torch.tensor([stoi[w] for w in words]), float(good)


def collate(batch):
    ids, stars = zip(*batch)
    return pad_sequence(ids, batch_first=True), torch.tensor(stars)


train_loader = DataLoader([write_review() for _ in range(600)], batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader([write_review() for _ in range(150)], batch_size=50, collate_fn=collate)


class ReviewNet(nn.Module):
    def __init__(self, vocab, dim=24, hidden=24):
        super().__init__()
        self.embedding = nn.Embedding(vocab, dim, padding_idx=0)
        self.lstm = nn.LSTM(dim, hidden, batch_first=True, bidirectional=True)
        self.attention = nn.Linear(2 * hidden, 1)  # here
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(2 * hidden, 1)

    def forward(self, ids):
        mask = ids != 0
        out, _ = self.lstm(self.dropout(self.embedding(ids)))
        context = (out * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)  # fault
        # fixed: scores = self.attention(out).squeeze(-1).masked_fill(~mask, float("-inf"))
        # fixed: context = (torch.softmax(scores, 1).unsqueeze(-1) * out).sum(1)
        return self.fc(self.dropout(context)).squeeze(-1)


model = ReviewNet(len(itos))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def evaluate():
    model.eval()
    right = n = 0
    with torch.no_grad():
        for ids, stars in val_loader:
            right += ((model(ids) > 0).float() == stars).sum().item()
            n += len(stars)
    return right / n


def train(epochs=4):
    for epoch in range(1, epochs + 1):
        model.train()
        losses = []
        for ids, stars in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), stars)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            losses.append(loss.item())
        print(f"Epoch {epoch}: {sum(losses) / len(losses):.3f}, val acc {evaluate():.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
