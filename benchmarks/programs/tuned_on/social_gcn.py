"""Which club does a member belong to? Graph convolution over a friendship network.

code: ND203
also: ND601
object: convs | GCN | model | convs.0 | convs.1
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(1)
N_PER, CLUBS, FEATS = 60, 4, 16

# --- stochastic block model -------------------------------------------------
club = torch.arange(CLUBS).repeat_interleave(N_PER)
n = len(club)
same = club[:, None] == club[None, :]
prob = torch.where(same, 0.10, 0.012)
adj = torch.bernoulli(prob).triu(1)
adj = adj + adj.T
centres = torch.randn(CLUBS, FEATS)
feats = 0.55 * centres[club] + torch.randn(n, FEATS)
a_hat = adj + torch.eye(n)
deg = a_hat.sum(1)
a_hat = a_hat / (deg[:, None] * deg[None, :]).sqrt()

perm = torch.randperm(n)
train_mask = torch.zeros(n, dtype=torch.bool); train_mask[perm[:120]] = True
val_mask = ~train_mask


class GraphConv(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.lin = nn.Linear(i, o)

    def forward(self, x, a):
        return a @ self.lin(x)


class GCN(nn.Module):
    def __init__(self, in_dim, hid, out_dim, n_layers=2, p=0.3):
        super().__init__()
        dims = [in_dim] + [hid] * n_layers
        self.convs = [GraphConv(dims[i], dims[i + 1]) for i in range(n_layers)]  # fault
        # fixed: self.convs = nn.ModuleList([GraphConv(dims[i], dims[i + 1]) for i in range(n_layers)])
        self.out = nn.Linear(hid, out_dim)
        self.p = p

    def forward(self, x, a):
        for conv in self.convs:  # here
            x = F.relu(conv(x, a))
            x = F.dropout(x, self.p, training=self.training)
        return self.out(x)


model = GCN(FEATS, 32, CLUBS)  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)  # here
train_loader = [{"x": feats, "a": a_hat, "y": club, "mask": train_mask}]   # one full-graph batch
val_loader = [{"x": feats, "a": a_hat, "y": club, "mask": val_mask}]


def batch_loss(setup, batch):
    logits = setup.model(batch["x"], batch["a"])
    return loss_fn(logits[batch["mask"]], batch["y"][batch["mask"]])


def accuracy(batch):
    model.eval()
    with torch.no_grad():
        pred = model(batch["x"], batch["a"]).argmax(1)
    return (pred == batch["y"])[batch["mask"]].float().mean().item()


def train(epochs=120):
    for epoch in range(epochs):
        for batch in train_loader:
            model.train()
            optimizer.zero_grad()
            out = model(batch["x"], batch["a"])
            loss = loss_fn(out[batch["mask"]], batch["y"][batch["mask"]])
            loss.backward()
            optimizer.step()
        if epoch % 20 == 0 or epoch == epochs - 1:
            print(f"Epoch: {epoch:03d}, Loss: {loss:.4f}, Val: {accuracy(val_loader[0]):.4f}")
    return loss.item()


if __name__ == "__main__":
    print(train())
