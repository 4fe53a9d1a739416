"""Labels every base of a read as intergenic / coding / intron with a dilated conv + BiLSTM tagger.

code: ND113
also:
object: pad | tags | padding_value | loss_fn | ignore_index | collate_fn
seen: checkup
"""
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

BASES = 5                     # 0 is padding, 1..4 are ACGT
INTERGENIC, CODING, INTRON = range(3)
PROFILE = torch.tensor([[.25, .25, .25, .25], [.10, .45, .35, .10], [.40, .10, .10, .40]])


class Reads(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.reads, self.tags = [], []
        for _ in range(n):
            tags = []
            state = INTERGENIC
            for _ in range(int(torch.randint(1, 5, (1,), generator=g))):
                tags += [state] * int(torch.randint(10, 20, (1,), generator=g))
                state = (state + int(torch.randint(1, 3, (1,), generator=g))) % 3
            tags = torch.tensor(tags)
            self.tags.append(tags)
            self.reads.append(torch.multinomial(PROFILE[tags], 1, generator=g).squeeze(1) + 1)

    def __len__(self):
        return len(self.reads)

    def __getitem__(self, i):
        return self.reads[i], self.tags[i]


def pad(batch):
    reads, tags = zip(*batch)
    reads = pad_sequence(reads, batch_first=True)
    tags = pad_sequence(tags, batch_first=True)  # fault
    # fixed: tags = pad_sequence(tags, batch_first=True, padding_value=-100)
    return reads, tags


class Tagger(nn.Module):
    def __init__(self, d=24, tags=3):
        super().__init__()
        self.emb = nn.Embedding(BASES, d, padding_idx=0)
        self.local = nn.Conv1d(d, d, 7, padding=6, dilation=2)
        self.lstm = nn.LSTM(d, d, batch_first=True, bidirectional=True)
        self.tag = nn.Linear(2 * d, tags)

    def forward(self, reads):
        x = self.emb(reads)
        x = x + torch.relu(self.local(x.transpose(1, 2))).transpose(1, 2)
        return self.tag(self.lstm(x)[0]).transpose(1, 2)


torch.manual_seed(0)
train_loader = DataLoader(Reads(240, 1), batch_size=16, shuffle=True, collate_fn=pad)
val_loader = DataLoader(Reads(60, 2), batch_size=30, collate_fn=pad)
model = Tagger()
loss_fn = nn.CrossEntropyLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(6):
        losses = []
        for reads, tags in train_loader:
            loss = loss_fn(model(reads), tags)  # here
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimizer.step()
            losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        hit = n = 0
        for reads, tags in val_loader:
            real = reads > 0
            hit += ((model(reads).argmax(1) == tags) & real).sum().item()
            n += real.sum().item()
    model.train()
    print("accuracy on bases", hit / n)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
