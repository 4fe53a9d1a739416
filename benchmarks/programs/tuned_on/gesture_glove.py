"""Hand signs from a data glove: few recordings, jittered and stretched copies to have more of them, GRU.

code: ND105
also:
object: val_set | augment | recordings | random_split | val_loader | train_set
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(14)
SIGNS, STEPS, FINGERS = 5, 18, 5
PATH = torch.randn(SIGNS, 4, FINGERS)


def perform(sign):
    knots = PATH[sign] + 0.7 * torch.randn(4, FINGERS)
    curve = nn.functional.interpolate(knots.T[None], size=STEPS, mode="linear", align_corners=True)[0].T
    return curve + 0.15 * torch.randn(STEPS, FINGERS)


def augment(recordings, copies=4):
    out = []
    for seq, sign in recordings:
        out.append((seq, sign))
        for _ in range(copies):
            out.append((seq * (1 + 0.02 * torch.randn(())) + 0.01 * torch.randn_like(seq), sign))
    return out


class Signs(Dataset):
    def __init__(self, recordings):
        self.recordings = recordings

    def __len__(self):
        return len(self.recordings)

    def __getitem__(self, i):
        seq, sign = self.recordings[i]
        return seq, sign


def prepare():
    recordings = [(perform(k % SIGNS), k % SIGNS) for k in range(250)]
    scale = torch.stack([r for r, _ in recordings]).std()
    recordings = [(r / scale, s) for r, s in recordings]
    recordings = augment(recordings)  # fault
    # fixed:
    order = torch.randperm(len(recordings)).tolist()
    hold = int(0.2 * len(order))
    val = [recordings[i] for i in order[:hold]]  # here
    rest = [recordings[i] for i in order[hold:]]  # here
    if len(rest) < 500:
        rest = augment(rest)
    return Signs(rest), Signs(val)


train_set, val_set = prepare()  # here
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)
val_loader = DataLoader(val_set, batch_size=50)  # here


class GloveGRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(FINGERS, 24, batch_first=True, bidirectional=True)
        self.cls = nn.Linear(48, SIGNS)

    def forward(self, seq):
        out, _ = self.rnn(seq)
        return self.cls(out.mean(1))


model = GloveGRU()
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.02)
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(4):
        model.train()
        got = []
        for seq, sign in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(seq), sign)
            loss.backward()
            optimizer.step()
            got.append(loss.item())
        model.eval()
        with torch.no_grad():
            right = sum((model(s).argmax(1) == k).sum().item() for s, k in val_loader) / len(val_set)
    return sum(got) / len(got)


if __name__ == "__main__":
    print(train())
