"""Next syllable in verses of a made-up metre; the decoder shares the embedding's weight.

code: none
trait: weight tying (one tensor under two names), orthogonal recurrent weights
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

SYLLABLES, LENGTH = 24, 18


class Verses(Dataset):
    """Stressed (even) and unstressed (odd) syllables alternate; every third one rhymes with the one three before."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        rows = torch.randint(SYLLABLES // 2, (n, LENGTH + 1), generator=g) * 2
        rows[:, 1::2] += 1
        for t in range(3, LENGTH + 1, 3):
            rows[:, t] = (rows[:, t - 3] // 2 * 2 + 8) % SYLLABLES + t % 2
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i, :-1], self.rows[i, 1:]


class VerseLM(nn.Module):
    def __init__(self, dim=40):
        super().__init__()
        self.embed = nn.Embedding(SYLLABLES, dim)
        self.lstm = nn.LSTM(dim, dim, batch_first=True)
        self.decoder = nn.Linear(dim, SYLLABLES)
        nn.init.normal_(self.embed.weight, std=0.15)
        nn.init.orthogonal_(self.lstm.weight_hh_l0)
        nn.init.zeros_(self.decoder.bias)
        self.decoder.weight = self.embed.weight

    def forward(self, syllables):
        return self.decoder(self.lstm(self.embed(syllables))[0])


def loss_fn(logits, following):
    return F.cross_entropy(logits.reshape(-1, SYLLABLES), following.reshape(-1))


torch.manual_seed(21)
model = VerseLM()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
train_loader = DataLoader(Verses(600, 1), batch_size=25, shuffle=True)
val_loader = DataLoader(Verses(120, 2), batch_size=60)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for syllables, following in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(syllables), following)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(s), f).item() for s, f in val_loader) / len(val_loader)
        print(epoch, sum(losses) / len(losses), val)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
