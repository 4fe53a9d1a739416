"""Tags songs (several tags each) by the words of their lyrics.

code: ND601
also:
object: words.weight | words | optimizer | params
seen: both
"""
import numpy as np
import torch

V, TAGS, L = 300, 6, 25
rs = np.random.RandomState(5)
taste = rs.dirichlet(np.full(V, 0.05), size=TAGS)
tags = (rs.rand(900, TAGS) < 0.35).astype("float32")
tags[tags.sum(1) == 0, 0] = 1
songs = np.stack([rs.choice(V, size=L, p=(t @ taste) / t.sum()) for t in tags])

torch.manual_seed(5)
X, Y = torch.from_numpy(songs), torch.from_numpy(tags)
pair = torch.utils.data.TensorDataset
train_loader = torch.utils.data.DataLoader(pair(X[:720], Y[:720]), batch_size=48, shuffle=True)
val_loader = torch.utils.data.DataLoader(pair(X[720:], Y[720:]), batch_size=90)


class Tagger(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.words = torch.nn.EmbeddingBag(V, 16, mode="mean")
        self.norm = torch.nn.LayerNorm(16)
        self.out = torch.nn.Linear(16, TAGS)

    def forward(self, lyrics):
        return self.out(self.norm(self.words(lyrics)))


model = Tagger()
loss_fn = torch.nn.BCEWithLogitsLoss()
params = model.parameters()  # here
device = next(params).device  # fault
# fixed: device = next(model.parameters()).device
optimizer = torch.optim.Adam(params, lr=0.01)  # here


@torch.no_grad()
def exact_tags():
    model.eval()
    hits = sum(((model(x.to(device)) > 0) == y.to(device).bool()).float().sum().item() for x, y in val_loader)
    return hits / (len(val_loader.dataset) * TAGS)


def train():
    for epoch in range(12):
        model.train()
        running = 0
        for x, y in train_loader:
            x, y = x.to(device), y.to(device)
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running += loss.item() * len(x)
        print(f"{epoch:2d} {running / 720:.3f} val acc {exact_tags():.3f}") if epoch % 4 == 3 else None
    return running / 720


if __name__ == "__main__":
    train()
