"""Urgency class from triage notes (token ids) and vital signs, both dropped out.

code: ND608
also:
object: drop | Dropout | dropout | word_drop | p | TriageNet
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Notes(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.ids = torch.randint(1, 80, (n, 15), generator=g)
        self.vitals = torch.randn(n, 5, generator=g)
        alarm = (self.ids < 9).sum(1) + self.vitals[:, 0] + .6 * self.vitals[:, 1]
        self.y = torch.bucketize(alarm, torch.tensor([.8, 2.2]))

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return (self.ids[i], self.vitals[i]), self.y[i]


class TriageNet(nn.Module):
    def __init__(self, keep=.9):
        super().__init__()
        self.words = nn.EmbeddingBag(80, 24)
        self.drop = nn.Dropout(keep)  # fault
        # fixed: self.drop = nn.Dropout(1 - keep)
        self.hidden = nn.Linear(24 + 5, 64)
        self.out = nn.Linear(64, 3)

    def forward(self, note):
        ids, vitals = note
        h = torch.cat([self.words(ids), vitals], -1)
        h = torch.relu(self.hidden(self.drop(h)))  # here
        return self.out(self.drop(h))  # here


torch.manual_seed(58)
train_loader = DataLoader(Notes(768, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Notes(192, 2), batch_size=64)
model = TriageNet()  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(12):
        model.train()
        run = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            run.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([(model(x).argmax(1) == y).float() for x, y in val_loader]).mean().item()
    train.acc = acc
    return sum(run) / len(run)


if __name__ == "__main__":
    print(train())
