"""The copying task: remember two symbols over a gap, then repeat them (LSTM, plain SGD with momentum).

code: ND605
also: ND704, ND705
object: optimizer | lr | rate
seen: both
"""
import torch
from torch import nn
import torch.nn.functional as F

SYMBOLS, KEEP, GAP = 4, 2, 3  # the symbols are 1..4; 0 is a blank and 5 asks for the answer


def problems(n, seed):
    g = torch.Generator().manual_seed(seed)
    what = torch.randint(1, SYMBOLS + 1, (n, KEEP), generator=g)
    blank = torch.zeros(n, GAP, dtype=torch.long)
    ask = torch.full((n, KEEP), SYMBOLS + 1)
    return torch.cat([what, blank, ask], 1), what - 1


class Machine(nn.Module):
    def __init__(self, d=8, h=32):
        super().__init__()
        self.symbol = nn.Embedding(SYMBOLS + 2, d)
        self.memory = nn.LSTM(d, h, batch_first=True)
        with torch.no_grad():
            self.memory.bias_hh_l0[h:2 * h] = 1.0  # remember at first
        self.say = nn.Linear(h, SYMBOLS)

    def forward(self, tape):
        return self.say(self.memory(self.symbol(tape))[0][:, -KEEP:])


def loss_fn(logits, what):
    return F.cross_entropy(logits.flatten(0, 1), what.flatten())


torch.manual_seed(34)
train_set = torch.utils.data.TensorDataset(*problems(1024, 1))
train_loader = torch.utils.data.DataLoader(train_set, batch_size=32, shuffle=True)
model = Machine()
rate = 0.3 / len(train_set)  # fault
# fixed: rate = 0.3
optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)  # here


def train():
    for epoch in range(10):
        model.train()
        losses = []
        for tape, what in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(tape), what)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        print(epoch, sum(losses) / len(losses))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
