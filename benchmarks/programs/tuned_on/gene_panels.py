"""Drug response from gene panels: factorised first layer, zero-initialised residual branches, summed loss.

code: none
trait: two linear layers in a row on purpose (low rank), zero-initialised branches, sum reduction with a matching small rate
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class LowRank(nn.Sequential):
    """W = U V with rank 8: 200 genes are strongly correlated"""

    def __init__(self, n_in, rank, n_out):
        super().__init__(nn.Linear(n_in, rank, bias=False), nn.Linear(rank, n_out))


class Branch(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(d), nn.Linear(d, 2 * d), nn.Linear(2 * d, d)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.down.bias)

    def forward(self, x):
        return x + self.down(torch.nn.functional.gelu(self.up(self.norm(x))))


class Response(nn.Module):
    def __init__(self, genes=200, d=24):
        super().__init__()
        self.project = LowRank(genes, 8, d)
        self.blocks = nn.Sequential(Branch(d), Branch(d))
        self.out = nn.Linear(d, 1)

    def forward(self, x):
        return self.out(self.blocks(torch.relu(self.project(x)))).squeeze(1)


torch.manual_seed(123)
factors = torch.randn(900, 6)
genes = factors @ torch.randn(6, 200) + 0.5 * torch.randn(900, 200)
resp = torch.tanh(factors[:, 0] + factors[:, 1]) + 0.5 * factors[:, 2] + 0.1 * torch.randn(900)
genes = (genes - genes[:720].mean(0)) / genes[:720].std(0)
resp = (resp - resp[:720].mean()) / resp[:720].std()
train_loader = DataLoader(TensorDataset(genes[:720], resp[:720]), batch_size=36, shuffle=True)
val_loader = DataLoader(TensorDataset(genes[720:], resp[720:]), batch_size=90)
model = Response()
loss_fn = nn.MSELoss(reduction="sum")
optimizer = torch.optim.SGD(model.parameters(), lr=3e-4, momentum=0.9)


def train():
    for epoch in range(10):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / 180
        print(epoch, total / 720, val)
    return total / 720


if __name__ == "__main__":
    print(train())
