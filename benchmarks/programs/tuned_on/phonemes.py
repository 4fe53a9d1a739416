"""Phoneme strings from synthetic formant tracks, a bidirectional GRU with CTC.

code: ND402
also:
object: ctc | loss_fn | out | scores
seen: checkup
"""
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

torch.manual_seed(77)
PHONES, BANDS = 6, 8
formants = torch.randn(PHONES + 1, BANDS)


def utterance():
    n = int(torch.randint(2, 5, (1,)))
    phones = torch.randint(1, PHONES + 1, (n,))
    frames = []
    for p in phones:
        frames += [formants[p] + 0.3 * torch.randn(BANDS) for _ in range(int(torch.randint(3, 5, (1,))))]
        frames += [formants[0] * 0 + 0.3 * torch.randn(BANDS)]
    return torch.stack(frames), phones


def collate(items):
    x = pad_sequence([i[0] for i in items], batch_first=True)
    y = torch.cat([i[1] for i in items])
    return x, torch.tensor([len(i[0]) for i in items]), y, torch.tensor([len(i[1]) for i in items])


class Listener(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(BANDS, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, PHONES + 1)

    def forward(self, x):
        h, _ = self.rnn(x)
        return self.out(h)


model = Listener()
ctc = nn.CTCLoss(blank=0, zero_infinity=True)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
corpus = [utterance() for _ in range(300)]
train_loader = torch.utils.data.DataLoader(corpus[:240], batch_size=24, shuffle=True, collate_fn=collate)
val_loader = torch.utils.data.DataLoader(corpus[240:], batch_size=30, collate_fn=collate)


def batch_loss(setup, batch):
    x, xl, y, yl = batch
    scores = setup.model(x).transpose(0, 1)  # fault
    # fixed: scores = setup.model(x).log_softmax(-1).transpose(0, 1)
    return ctc(scores, y, xl, yl)  # here


def train():
    import types
    bag = types.SimpleNamespace(model=model)
    history = []
    for epoch in range(9):
        model.train()
        for batch in train_loader:
            loss = batch_loss(bag, batch)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            history.append(loss.item())
        model.eval()
        with torch.no_grad():
            print(epoch, history[-1], [batch_loss(bag, b).item() for b in val_loader])
    return sum(history[-10:]) / 10


if __name__ == "__main__":
    print(train())
