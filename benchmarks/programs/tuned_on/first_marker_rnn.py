"""A plain recurrent network that must remember the marker at the start of a noisy sequence.

code: ND502
also: ND202
object: rnn | rnn.weight_hh_l0 | weight_hh_l0
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(21)
LENGTH, MARKERS, HIDDEN = 40, 4, 32


def make(n):
    marker = torch.randint(0, MARKERS, (n,))
    x = torch.zeros(n, LENGTH, MARKERS + 1)
    x[torch.arange(n), 0, marker] = 1.0
    x[:, 1:, MARKERS] = torch.randn(n, LENGTH - 1) * 0.3
    return x, marker


class MarkerRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(MARKERS + 1, HIDDEN, batch_first=True)  # here
        self.head = nn.Linear(HIDDEN, MARKERS)
        nn.init.normal_(self.rnn.weight_hh_l0, std=0.03)  # fault
        # fixed: nn.init.orthogonal_(self.rnn.weight_hh_l0)

    def forward(self, x):
        states, last = self.rnn(x)  # here
        return self.head(last[-1])


train_loader = DataLoader(TensorDataset(*make(512)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*make(128)), batch_size=64)
model = MarkerRNN()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def run_epoch(loader, learn):
    model.train(learn)
    total = 0.0
    with torch.set_grad_enabled(learn):
        for x, y in loader:
            loss = loss_fn(model(x), y)
            if learn:
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
            total += loss.item() * len(y)
    return total / len(loader.dataset)


def train():
    for epoch in range(10):
        last = run_epoch(train_loader, True)
        run_epoch(val_loader, False)
    return last


if __name__ == "__main__":
    print(train())
