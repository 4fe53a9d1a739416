"""Does the bus call at the school before the hospital? A transformer over the list of stops.

code: ND303
also:
object: position | forward | RouteReader | encoder | embed
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(6)
STOPS, LENGTH, SCHOOL, HOSPITAL = 12, 8, 0, 1


def routes(n):
    plan = torch.stack([torch.randperm(STOPS - 2)[:LENGTH] + 2 for _ in range(n)])
    spots = torch.stack([torch.randperm(LENGTH)[:2] for _ in range(n)])
    plan[torch.arange(n), spots[:, 0]] = SCHOOL
    plan[torch.arange(n), spots[:, 1]] = HOSPITAL
    return TensorDataset(plan, (spots[:, 0] < spots[:, 1]).long())


class RouteReader(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embed = nn.Embedding(STOPS, dim)
        layer = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.answer = nn.Linear(dim, 2)
        place = torch.arange(LENGTH)[:, None] / 10 ** (torch.arange(dim // 2) / 8)[None]
        self.register_buffer("position", torch.cat([place.sin(), place.cos()], 1))

    def forward(self, stops):  # here
        h = self.embed(stops)  # fault
        # fixed: h = self.embed(stops) + self.position
        h = self.encoder(h)  # here
        return self.answer(h.mean(1))  # here


train_loader = DataLoader(routes(1200), batch_size=40, shuffle=True)
val_loader = DataLoader(routes(300), batch_size=100)
model = RouteReader()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        for stops, first in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(stops), first)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print("right answers:", right / 300)


if __name__ == "__main__":
    train()
