"""Height of beaver dams along a river network: own flow and the flow of the neighbours.

code: ND206
also: ND303 | ND501
object: w_near | River | forward
seen: both
"""
import torch
import torch.nn as nn

torch.manual_seed(64)
N = 600
src = torch.randint(0, N, (1800,))
dst = torch.randint(0, N, (1800,))
near = torch.zeros(N, N)
near[src, dst] = 1
near[dst, src] = 1
near.fill_diagonal_(0)
near = near / near.sum(1, keepdim=True).clamp(min=1)
flow = torch.randn(N, 6)
height = torch.tanh(flow[:, 0]) + 2.5 * (near @ flow[:, 1:2]).squeeze(1).abs() + (near @ flow[:, 2:3]).squeeze(1) * 2
height = (height - height.mean()) / height.std()
groups = torch.randperm(N)
learn, test = groups[:480], groups[480:]


class NodeLoader:
    """Yields groups of nodes with their own flow and the mean flow around them."""

    def __init__(self, nodes, size, shuffle):
        self.nodes, self.size, self.shuffle = nodes, size, shuffle
        self.around = near @ flow
        self.around = self.around / self.around.std(0)

    def __len__(self):
        return -(-len(self.nodes) // self.size)

    def __iter__(self):
        nodes = self.nodes[torch.randperm(len(self.nodes))] if self.shuffle else self.nodes
        for part in nodes.split(self.size):
            yield flow[part], self.around[part], height[part]


class River(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.w_self = nn.Linear(6, width)
        self.w_near = nn.Linear(6, width)
        self.out = nn.Linear(width, 1)

    def forward(self, own, around):
        h = self.w_self(own)  # fault
        # fixed: h = self.w_self(own) + self.w_near(around)
        return self.out(torch.relu(h)).squeeze(1)


train_loader = NodeLoader(learn, 40, True)
val_loader = NodeLoader(test, 60, False)
model = River()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    own, around, height = batch
    return ((model(own, around) - height) ** 2).mean()


def train():
    for epoch in range(30):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val mse %.3f" % (sum(batch_loss(model, b).item() for b in val_loader) / 2))


if __name__ == "__main__":
    train()
