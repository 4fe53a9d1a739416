"""Which of three commands? A recurrent net reads short phrases of tokens, padded to twenty.

code: ND106
also:
object: pad | side | padding | collate | val_collate | val_loader
seen: both
"""
import functools

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(89)
PAD, LENGTH, VOCAB = 0, 20, 40


class Phrases(Dataset):
    def __init__(self, n):
        self.items = []
        for _ in range(n):
            command = int(torch.randint(0, 3, ()))
            length = int(torch.randint(3, 6, ()))
            tokens = torch.randint(10, VOCAB, (length,))
            tokens[int(torch.randint(0, length, ()))] = 1 + 3 * int(torch.randint(0, 3, ())) + command
            self.items.append((tokens, command))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch, side):
    ids = torch.full((len(batch), LENGTH), PAD)
    for row, (tokens, _) in enumerate(batch):
        if side == "left":
            ids[row, LENGTH - len(tokens):] = tokens
        else:
            ids[row, :len(tokens)] = tokens
    return ids, torch.tensor([command for _, command in batch])


train_loader = DataLoader(Phrases(700), batch_size=35, shuffle=True,
                          collate_fn=functools.partial(collate, side="left"))
val_collate = functools.partial(collate, side="right")  # fault
# fixed: val_collate = functools.partial(collate, side="left")
val_loader = DataLoader(Phrases(200), batch_size=200, collate_fn=val_collate)


class Commands(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, 16, padding_idx=PAD)
        self.rnn = nn.RNN(16, 32, batch_first=True)
        self.out = nn.Linear(32, 3)

    def forward(self, ids):
        states, _ = self.rnn(self.embed(ids))
        return self.out(states[:, -1])


model = Commands()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for _ in range(10):
        model.train()
        for ids, command in train_loader:
            optimizer.zero_grad()
            loss_fn(model(ids), command).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        ids, command = next(iter(val_loader))
        print("val accuracy", (model(ids).argmax(1) == command).float().mean().item())


if __name__ == "__main__":
    train()
