"""Topics of papers in a citation graph (stochastic blocks): node embeddings with a sparse optimizer, two graph convolutions.

code: none
trait: two optimizers of which one is joined later by a frozen part; gradients are cleared after the step; only one of them is scheduled; one full batch an epoch, never shuffled
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(23)
N, C = 180, 3
topic = torch.arange(N) % C
p = torch.where(topic[:, None] == topic[None], 0.12, 0.015)
A = torch.triu(torch.rand(N, N) < p, 1).float()
A = A + A.T + torch.eye(N)
deg = A.sum(1).rsqrt()
A = deg[:, None] * A * deg[None]
words = F.one_hot(topic, C).float() @ torch.randn(C, 12) + 2.0 * torch.randn(N, 12)
words = (words - words.mean(0)) / words.std(0)
split = torch.randperm(N)
known, hidden = split[:90], split[90:]


class GCN(nn.Module):
    def __init__(self, h=16):
        super().__init__()
        self.own = nn.Embedding(N, 8, sparse=True)
        nn.init.normal_(self.own.weight, std=0.1)
        self.text = nn.Linear(12, 12)
        self.w1, self.w2 = nn.Linear(20, h), nn.Linear(h, C)

    def forward(self, nodes):
        x = torch.cat([self.own(torch.arange(N)), F.relu(self.text(words))], 1)
        x = F.dropout(F.relu(A @ self.w1(x)), 0.4, self.training)
        return (A @ self.w2(x))[nodes]


model = GCN()
model.text.requires_grad_(False)
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.05)
sparse = torch.optim.SparseAdam(list(model.own.parameters()), lr=5e-3)
dense = torch.optim.AdamW([*model.w1.parameters(), *model.w2.parameters()], lr=0.01, weight_decay=5e-3)
optimizer = (dense, sparse)
scheduler = torch.optim.lr_scheduler.StepLR(dense, step_size=60, gamma=0.5)
train_loader = [(known, topic[known])]
val_loader = [(hidden, topic[hidden])]


def train():
    for epoch in range(120):
        if epoch == 30:
            model.text.requires_grad_(True)
            dense.add_param_group({"params": model.text.parameters(), "lr": 2e-3, "initial_lr": 2e-3})
            scheduler.base_lrs.append(2e-3)
        model.train()
        for nodes, t in train_loader:
            loss = loss_fn(model(nodes), t)
            loss.backward()
            for o in optimizer:
                o.step()
            for o in optimizer:
                o.zero_grad()
        scheduler.step()
        if epoch % 20 == 19:
            model.eval()
            with torch.no_grad():
                print(epoch, round(loss.item(), 3), [(model(n).argmax(1) == t).float().mean().item() for n, t in val_loader])
    return loss.item()


if __name__ == "__main__":
    train()
