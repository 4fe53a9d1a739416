"""Recurrent net written by hand: what did the line carry at the marked instant?

code: ND503
also: ND202, ND604
object: w_hh | cell.w_hh | rnn | VanillaRNN | cell
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(64)
T, HIDDEN = 60, 48


def signals(n):
    """two channels: the signal, and a marker that is 1 at one of the last ten instants"""
    x = torch.rand(n, T) * 2 - 1
    when = torch.randint(T - 10, T, (n,))
    mark = torch.zeros(n, T)
    mark[torch.arange(n), when] = 1.0
    y = x[torch.arange(n), when] / 0.577
    return TensorDataset(torch.stack([x, mark], -1), y.unsqueeze(-1))


class VanillaRNN(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.w_xh = nn.Parameter(torch.randn(n_in, n_hidden) * 0.5)
        self.w_hh = nn.Parameter(torch.randn(n_hidden, n_hidden) * 0.5)  # fault
        # fixed: self.w_hh = nn.Parameter(0.95 * nn.init.orthogonal_(torch.empty(n_hidden, n_hidden)))
        self.b_h = nn.Parameter(torch.zeros(n_hidden))
        self.w_hy = nn.Parameter(torch.randn(n_hidden, n_out) / n_hidden ** 0.5)
        self.b_y = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        h = x.new_zeros(x.size(0), self.w_hh.size(0))
        for t in range(x.size(1)):
            h = torch.tanh(x[:, t] @ self.w_xh + h @ self.w_hh + self.b_h)  # here
        return h @ self.w_hy + self.b_y


train_loader = DataLoader(signals(960), batch_size=32, shuffle=True)
val_loader = DataLoader(signals(128), batch_size=128)
model = VanillaRNN(2, HIDDEN, 1)  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        total = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()  # here
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        norm = sum(p.grad.norm() ** 2 for p in model.parameters()) ** 0.5
        print(f"epoch {epoch}: train {total / len(train_loader):.4f} val {val:.4f} (last gradient {norm:.2e})")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
