"""Melting points of alloys with a tiny network and L-BFGS on the whole training set.

code: none
trait: L-BFGS with a closure (several forward and backward passes in one step), a single full batch, lr 1
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(13)
share = torch.randn(260, 4)
melting = share[:, 0] - 0.5 * share[:, 1] ** 2 + 0.7 * torch.sin(2 * share[:, 2]) + 0.1 * torch.randn(260)
melting = ((melting - melting[:200].mean()) / melting[:200].std()).unsqueeze(1)
train_loader = DataLoader(TensorDataset(share[:200], melting[:200]), batch_size=200, shuffle=True)
val_loader = DataLoader(TensorDataset(share[200:], melting[200:]), batch_size=60)
model = nn.Sequential(nn.Linear(4, 10), nn.Tanh(), nn.Linear(10, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.LBFGS(model.parameters(), lr=1.0, max_iter=4, history_size=8, line_search_fn="strong_wolfe")


def train():
    for step in range(15):
        model.train()
        for x, y in train_loader:
            def closure():
                optimizer.zero_grad()
                loss = loss_fn(model(x), y)
                loss.backward()
                return loss
            loss = optimizer.step(closure).item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader)
        print(step, loss, val)
    return loss


if __name__ == "__main__":
    print(train())
