"""Find the home club of chess players from who played whom (graph convolution over a dense adjacency).

code: ND608
also: ND605
object: clip_grad_norm_ | max_norm | MAX_NORM | clipping
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

MAX_NORM = 1e-5  # fault
# fixed: MAX_NORM = 1.0

torch.manual_seed(17)
players, clubs, traits = 400, 4, 12
club = torch.randint(0, clubs, (players,))
same = club[:, None] == club[None, :]
games = torch.rand(players, players) < torch.where(same, 0.06, 0.012)
games = torch.triu(games, 1)
adjacency = (games | games.T).float() + torch.eye(players)
degree = adjacency.sum(1)
propagate = adjacency / torch.sqrt(degree[:, None] * degree[None, :])
centres = torch.randn(clubs, traits) * 0.6
traits_of = centres[club] + torch.randn(players, traits)
traits_of = (traits_of - traits_of.mean(0)) / traits_of.std(0)

order = torch.randperm(players)
train_loader = DataLoader(TensorDataset(order[:300], club[order[:300]]), batch_size=60, shuffle=True)
val_loader = DataLoader(TensorDataset(order[300:], club[order[300:]]), batch_size=100)


class GraphNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("propagate", propagate)
        self.register_buffer("x", traits_of)
        self.w1 = nn.Linear(traits, 32)
        self.w2 = nn.Linear(32, clubs)

    def forward(self, nodes):
        h = torch.relu(self.propagate @ self.w1(self.x))
        return (self.propagate @ self.w2(h))[nodes]


model = GraphNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)


def train():
    for epoch in range(30):
        model.train()
        for nodes, home in train_loader:
            optimizer.zero_grad()
            loss_fn(model(nodes), home).backward()
            nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)  # here
            optimizer.step()
    model.eval()
    with torch.no_grad():
        for nodes, home in val_loader:
            print("right:", (model(nodes).argmax(1) == home).float().mean().item())


if __name__ == "__main__":
    train()
