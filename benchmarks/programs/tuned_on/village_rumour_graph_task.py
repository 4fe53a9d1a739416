"""Which of three clans does a villager belong to? Messages passed along a friendship graph.

code: ND503
also: ND308 | ND604 | ND709 | ND202
object: A | adjacency | propagate | Rumours | norm
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(70)
N, CLANS, ROUNDS = 240, 3, 12
clan = torch.randint(0, CLANS, (N,))
friend = torch.rand(N, N) < torch.where(clan[:, None] == clan[None, :], 0.12, 0.01)
adjacency = (friend | friend.T).float()
adjacency.fill_diagonal_(1.0)
features = F.one_hot(clan, CLANS).float() + 1.2 * torch.randn(N, CLANS)
features = (features - features.mean(0)) / features.std(0)
A = adjacency  # fault
# fixed: A = adjacency / adjacency.sum(1, keepdim=True)


class Rumours(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.enter = nn.Linear(CLANS, width)
        self.mix = nn.Linear(width, width)
        self.leave = nn.Linear(width, CLANS)

    def forward(self, nodes):
        first = h = torch.relu(self.enter(features))
        for _ in range(ROUNDS):
            h = 0.5 * first + 0.5 * torch.relu(self.mix(A @ h) + h)  # here
        return self.leave(h[nodes])


class Nodes(torch.utils.data.Dataset):
    def __init__(self, ids):
        self.ids = ids

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return self.ids[i], clan[self.ids[i]]


order = torch.randperm(N)
train_loader = torch.utils.data.DataLoader(Nodes(order[:160]), batch_size=40, shuffle=True)
val_loader = torch.utils.data.DataLoader(Nodes(order[160:]), batch_size=80)
model = Rumours()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def train():
    for epoch in range(25):
        model.train()
        for nodes, kind in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(nodes), kind)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        for nodes, kind in val_loader:
            acc = (model(nodes).argmax(1) == kind).float().mean().item()
    print(f"loss {loss.item():.3g} acc {acc:.3f}")


if __name__ == "__main__":
    train()
