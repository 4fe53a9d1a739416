"""Finds coding stretches in DNA: conv emissions + linear-chain CRF, forward algorithm by hand.

code: ND311
also: ND310, ND308
object: log_partition | CRF | crf | exp | alpha
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(9)
TAGS = ["outside", "start", "frame0", "frame1", "frame2", "stop"]
K, T = len(TAGS), 72


class Genome(Dataset):
    def __init__(self, n):
        self.seq, self.tags = [], []
        for _ in range(n):
            s, y = [], []
            while len(s) < T:
                gap = int(torch.randint(3, 12, ()))
                s += torch.randint(0, 4, (gap,)).tolist()
                y += [0] * gap
                codons = int(torch.randint(3, 7, ()))
                s += [0, 3, 2]                       # ATG
                y += [1, 1, 1]
                for _ in range(codons):
                    s += [int(torch.randint(0, 4, ())), int(torch.randint(1, 3, ())), 2]
                    y += [2, 3, 4]
                s += [3, 0, 0]                       # TAA
                y += [5, 5, 5]
            self.seq.append(torch.tensor(s[:T]))
            self.tags.append(torch.tensor(y[:T]))

    def __len__(self):
        return len(self.seq)

    def __getitem__(self, i):
        return self.seq[i], self.tags[i]


class CRF(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.trans = nn.Parameter(0.1 * torch.randn(k, k))
        self.start = nn.Parameter(torch.zeros(k))

    def log_partition(self, emit):
        alpha = self.start + emit[:, 0]
        for t in range(1, emit.shape[1]):
            scores = alpha.unsqueeze(2) + self.trans
            alpha = torch.log(torch.exp(scores).sum(1)) + emit[:, t]  # fault
            # fixed: alpha = torch.logsumexp(scores, 1) + emit[:, t]
        return torch.logsumexp(alpha, 1)

    def score(self, emit, tags):
        e = emit.gather(2, tags.unsqueeze(2)).squeeze(2).sum(1)
        return e + self.start[tags[:, 0]] + self.trans[tags[:, :-1], tags[:, 1:]].sum(1)

    def nll(self, emit, tags):
        return (self.log_partition(emit) - self.score(emit, tags)).mean() / emit.shape[1]  # here


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(4, 16)
        self.conv = nn.Conv1d(16, 32, 9, padding=4)
        self.emit = nn.Linear(32, K)
        self.crf = CRF(K)  # here

    def forward(self, seq):
        h = torch.relu(self.conv(self.embed(seq).transpose(1, 2))).transpose(1, 2)
        return self.emit(h)


model = Tagger()


def loss_fn(emissions, tags):
    return model.crf.nll(emissions, tags)  # here


train_loader = DataLoader(Genome(160), batch_size=16, shuffle=True)
val_loader = DataLoader(Genome(32), batch_size=32)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train(epochs=4):
    for epoch in range(epochs):
        model.train()
        nlls = []
        for seq, tags in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(seq), tags)
            loss.backward()
            optimizer.step()
            nlls.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(s), t).item() for s, t in val_loader) / len(val_loader)
    return sum(nlls) / len(nlls)


if __name__ == "__main__":
    print(train())
