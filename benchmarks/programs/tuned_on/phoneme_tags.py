"""Frame-wise phoneme tagger over filter-bank-like features.

code: ND402
also:
object: loss_fn | NLLLoss | softmax | model | forward | PhonemeTagger
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(55)
PHONES = 7
BANDS = 20
FRAMES = 20


def synth(n):
    """each phone holds for a few frames; formants blur into their neighbours"""
    centres = torch.linspace(1, BANDS - 2, PHONES)
    second = centres.flip(0) * 0.5 + 6
    y = torch.zeros(n, FRAMES, dtype=torch.long)
    for i in range(n):
        t = 0
        while t < FRAMES:
            d = int(torch.randint(3, 8, (1,)))
            y[i, t:t + d] = torch.randint(0, PHONES, (1,))
            t += d
    band = torch.arange(BANDS).float()
    x = torch.exp(-(band - centres[y][..., None]) ** 2 / 6) + 0.6 * torch.exp(-(band - second[y][..., None]) ** 2 / 4)
    x = F.avg_pool1d(x.transpose(1, 2), 3, 1, 1).transpose(1, 2) + 0.35 * torch.randn(n, FRAMES, BANDS)
    return x, y


xtr, ytr = synth(240)
xva, yva = synth(80)
m, s = xtr.mean((0, 1)), xtr.std((0, 1))
train_loader = DataLoader(TensorDataset((xtr - m) / s, ytr), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset((xva - m) / s, yva), batch_size=40)


class PhonemeTagger(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.rnn = nn.GRU(BANDS, hidden, batch_first=True, bidirectional=True)
        self.proj = nn.Linear(hidden * 2, PHONES)

    def forward(self, x):
        out, _ = self.rnn(x)
        scores = self.proj(out)                    # N, T, C
        probs = F.softmax(scores, dim=-1)  # fault
        # fixed: probs = F.log_softmax(scores, dim=-1)
        return probs.transpose(1, 2)               # N, C, T  as the criterion wants it


model = PhonemeTagger()
loss_fn = nn.NLLLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def frame_error_rate():
    model.eval()
    wrong = total = 0
    with torch.no_grad():
        for x, y in val_loader:
            wrong += (model(x).argmax(1) != y).sum().item()
            total += y.numel()
    return wrong / total


def train():
    for epoch in range(5):
        model.train()
        acc = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5)
            optimizer.step()
            acc += loss.item()
        print(f"epoch {epoch}: loss {acc / len(train_loader):.4f}, FER {frame_error_rate():.3f}")
    return acc / len(train_loader)


if __name__ == "__main__":
    print(train())
