"""Tags tokens of postal addresses (number, street, city, other) with an LSTM.

code: ND113
also:
object: loss_fn | ignore_index | PAD_TAG | targets
seen: checkup
"""
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

PAD_TAG, NUMBER, STREET, CITY, OTHER = range(5)
# token ranges: 1-19 numbers, 20-59 street words, 60-99 city words, 100-139 ambiguous (street before a number, city after)


class Addresses(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        pick = lambda a, b: int(torch.randint(a, b, (), generator=g))
        self.rows = []
        for _ in range(n):
            tokens, tags = [], []
            for _ in range(pick(0, 14) if pick(0, 4) == 0 else pick(0, 3)):
                tokens.append(pick(140, 180)); tags.append(OTHER)
            for _ in range(pick(1, 4)):
                tokens.append(pick(20, 60) if pick(0, 3) else pick(100, 140)); tags.append(STREET)
            tokens.append(pick(1, 20)); tags.append(NUMBER)
            for _ in range(pick(1, 4)):
                tokens.append(pick(60, 100) if pick(0, 3) else pick(100, 140)); tags.append(CITY)
            self.rows.append((torch.tensor(tokens), torch.tensor(tags)))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def pad(rows):
    tokens, tags = zip(*rows)
    return pad_sequence(tokens, batch_first=True), pad_sequence(tags, batch_first=True, padding_value=PAD_TAG)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(180, 24, padding_idx=0)
        self.lstm = nn.LSTM(24, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, 5)

    def forward(self, tokens):
        states, _ = self.lstm(self.embed(tokens))
        return self.out(states).transpose(1, 2)


torch.manual_seed(28)
train_loader = DataLoader(Addresses(500, 1), batch_size=25, shuffle=True, collate_fn=pad)
val_loader = DataLoader(Addresses(120, 2), batch_size=60, collate_fn=pad)
model = Tagger()
loss_fn = nn.CrossEntropyLoss()  # fault
# fixed: loss_fn = nn.CrossEntropyLoss(ignore_index=PAD_TAG)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(4):
        model.train()
        losses = []
        for tokens, tags in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(tokens), tags)  # here
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        right = total = 0
        with torch.no_grad():
            for tokens, tags in val_loader:
                real = tags != PAD_TAG
                right += (model(tokens).argmax(1)[real] == tags[real]).sum().item()
                total += real.sum().item()
        print(f"{epoch} {right / total:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
