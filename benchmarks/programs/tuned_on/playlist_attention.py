"""Predicts the mood of a playlist from its tracks (playlists of different length).

code: ND308
also: ND309, ND310
object: bias | scores | pool | model.pool
seen: checkup
"""
import math
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

random.seed(3); torch.manual_seed(3)
MOODS, TRACKS, PAD = 4, 61, 0

def playlist():
    mood = random.randrange(MOODS)
    k = random.randint(3, 11)
    ids = [1 + mood * 15 + random.randrange(15) if random.random() < .6 else random.randrange(1, TRACKS) for _ in range(k)]
    return torch.tensor(ids), mood

data = [playlist() for _ in range(700)]

def collate(rows):
    return pad_sequence([r[0] for r in rows], batch_first=True, padding_value=PAD), torch.tensor([r[1] for r in rows])

train_loader = torch.utils.data.DataLoader(data[:560], batch_size=40, shuffle=True, collate_fn=collate)
val_loader = torch.utils.data.DataLoader(data[560:], batch_size=70, collate_fn=collate)

class Pool(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.query = nn.Parameter(torch.randn(d) / math.sqrt(d))
        self.key = nn.Linear(d, d)

    def forward(self, h, pad):
        scores = self.key(h) @ self.query
        bias = pad.float() * float("-inf")  # fault
        # fixed: bias = torch.zeros_like(scores).masked_fill(pad, float("-inf"))
        weight = torch.softmax(scores + bias, dim=1)  # here
        return (weight.unsqueeze(-1) * h).sum(1)

class MoodNet(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.tracks = nn.Embedding(TRACKS, d, padding_idx=PAD)
        self.pool = Pool(d)
        self.out = nn.Linear(d, MOODS)

    def forward(self, ids):
        return self.out(self.pool(self.tracks(ids), ids.eq(PAD)))  # here

model = MoodNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

def train():
    last = None
    for epoch in range(8):
        model.train()
        for ids, mood in train_loader:
            optimizer.zero_grad()
            last = loss_fn(model(ids), mood)
            last.backward()
            optimizer.step()
        model.eval()
        with torch.inference_mode():
            right = sum((model(i).argmax(-1) == m).sum().item() for i, m in val_loader)
        print(epoch, last.item(), right / 140)
    return last.item()

if __name__ == "__main__":
    print(train())
