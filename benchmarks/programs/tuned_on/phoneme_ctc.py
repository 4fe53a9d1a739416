"""Phoneme strings from noisy articulation tracks with a GRU and CTC.

code: none
trait: class 0 (the CTC blank) never occurs in the targets, targets are padded with -1 and have their own lengths
"""
import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

PHONES = 6


class Utterances(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        shapes = np.random.default_rng(99).normal(0, 1.2, (PHONES + 1, 5))
        self.items = []
        for _ in range(n):
            phones, track = [], []
            for _ in range(rng.integers(3, 7)):
                p = int(rng.choice([k for k in range(1, PHONES + 1) if k != (phones[-1] if phones else 0)]))
                phones.append(p)
                track += [shapes[p]] * int(rng.integers(3, 6))
            track = np.array(track) + 0.4 * rng.normal(size=(len(track), 5))
            self.items.append((torch.tensor(track, dtype=torch.float32), torch.tensor(phones)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(items):
    tracks, phones = zip(*items)
    return {"track": pad_sequence(tracks, True), "frames": torch.tensor([len(t) for t in tracks]),
            "phones": pad_sequence(phones, True, -1), "count": torch.tensor([len(p) for p in phones])}


class Recogniser(nn.Module):
    def __init__(self, h=32):
        super().__init__()
        self.gru = nn.GRU(5, h, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * h, PHONES + 1)

    def forward(self, track):
        return self.out(self.gru(track)[0]).log_softmax(-1)


ctc = nn.CTCLoss(blank=0)


def batch_loss(setup, batch):
    logp = setup.model(batch["track"]).transpose(0, 1)
    return ctc(logp, batch["phones"], batch["frames"], batch["count"])


torch.manual_seed(1)
model = Recogniser()
train_loader = DataLoader(Utterances(320, 0), batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader(Utterances(64, 1), batch_size=32, collate_fn=collate)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


class Setup:
    model = model


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for batch in train_loader:
            loss = batch_loss(Setup, batch)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([batch_loss(Setup, b).item() for b in val_loader])
        print(f"epoch {epoch}: {np.mean(losses):.3f} val {val:.3f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
