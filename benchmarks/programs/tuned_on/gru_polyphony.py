"""Which notes sound next in four-voice chords: recurrent net, multi-label over 24 keys.

code: ND706
also: ND604
object: optimizer | lr | RMSprop
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(24)
CHORDS = torch.tensor([[0, 7, 12, 16], [5, 9, 12, 17], [7, 11, 14, 19], [9, 12, 16, 21], [2, 9, 14, 17]])
NEXT = torch.tensor([[.05, .4, .35, .2, 0], [.3, .1, .4, 0, .2], [.7, 0, .1, .2, 0], [.1, .4, .1, .1, .3], [.1, .1, .7, 0, .1]])


def pieces(n, length=17):
    state = torch.randint(0, 5, (n,))
    roll = torch.zeros(n, length, 24)
    for t in range(length):
        roll[:, t].scatter_(1, CHORDS[state], 1.0)
        passing = torch.randint(0, 24, (n, 1))
        roll[:, t].scatter_(1, passing, 1.0)
        state = torch.multinomial(NEXT[state], 1).squeeze(1)
    return TensorDataset(roll[:, :-1], roll[:, 1:])


train_loader = DataLoader(pieces(320), batch_size=8, shuffle=True)
val_loader = DataLoader(pieces(64), batch_size=64)


class Polyphony(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.rnn = nn.RNN(24, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 24)

    def forward(self, roll):
        return self.head(self.rnn(roll)[0])


model = Polyphony()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.1)  # fault
# fixed: optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)


def train():
    history = []
    for epoch in range(9):
        model.train()
        for past, coming in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(past), coming)
            loss.backward()
            optimizer.step()  # here
            history.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(p), c).item() for p, c in val_loader]
        print(f"epoch {epoch} train {sum(history[-40:]) / 40:.4f} max {max(history[-40:]):.4f} val {val[0]:.4f}")
    return sum(history[-40:]) / 40


if __name__ == "__main__":
    print(train())
