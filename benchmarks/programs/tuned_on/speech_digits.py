"""Digit strings from spectrogram-like frames with CTC.

code: ND402
also:
object: ctc | loss_fn | CTCLoss | batch_loss | emissions | classifier
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader

BLANK, CLASSES, MEL = 0, 6, 12


class DigitStrings(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        proto = torch.randn(CLASSES, MEL, generator=torch.Generator().manual_seed(99))
        self.items = []
        for _ in range(n):
            k = int(torch.randint(2, 5, (1,), generator=g))
            digits = torch.randint(1, CLASSES, (k,), generator=g)
            frames = []
            for d in digits:
                frames.append(proto[d].repeat(3 + int(torch.randint(0, 2, (1,), generator=g)), 1))
                frames.append(torch.zeros(1, MEL))
            x = torch.cat(frames)
            self.items.append((x + .3 * torch.randn(x.shape, generator=g), digits))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(items):
    xs, ys = zip(*items)
    return {
        "frames": nn.utils.rnn.pad_sequence(xs, batch_first=True),
        "frame_lengths": torch.tensor([len(x) for x in xs]),
        "digits": torch.cat(ys),
        "digit_lengths": torch.tensor([len(y) for y in ys]),
    }


class Listener(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.GRU(MEL, 32, batch_first=True, bidirectional=True)
        self.classifier = nn.Linear(64, CLASSES)

    def forward(self, frames, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(frames, lengths, batch_first=True, enforce_sorted=False)
        h, _ = nn.utils.rnn.pad_packed_sequence(self.encoder(packed)[0], batch_first=True)
        return self.classifier(h)


torch.manual_seed(8)
train_loader = DataLoader(DigitStrings(160, 1), batch_size=16, shuffle=True, collate_fn=collate)
val_loader = DataLoader(DigitStrings(32, 2), batch_size=16, collate_fn=collate)
model = Listener()
loss_fn = nn.CTCLoss(blank=BLANK, zero_infinity=True)  # here
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def batch_loss(setup, batch):
    emissions = setup.model(batch["frames"], batch["frame_lengths"]).transpose(0, 1)  # fault
    # fixed: emissions = setup.model(batch["frames"], batch["frame_lengths"]).transpose(0, 1).log_softmax(-1)
    return loss_fn(emissions, batch["digits"], batch["frame_lengths"], batch["digit_lengths"])  # here


class _Setup:
    pass


def train():
    setup = _Setup(); setup.model = model
    for epoch in range(6):
        model.train()
        total = 0.
        for batch in train_loader:
            loss = batch_loss(setup, batch)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(setup, b).item() for b in val_loader) / len(val_loader)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
