"""Sorts mail (private, invoice, advert) with a small GPT-2 trunk and a linear probe on one position.

code: ND303
also:
object: pool | forward | hidden | last_hidden_state
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import GPT2Config, GPT2Model

BOS, TOPIC, COMMON = 0, 12, 70


def mails(n, seed):
    g = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 3, (n,), generator=g)
    body = torch.randint(1 + 3 * TOPIC, 1 + 3 * TOPIC + COMMON, (n, 19), generator=g)
    special = 1 + kind[:, None] * TOPIC + torch.randint(0, TOPIC, (n, 19), generator=g)
    body = torch.where(torch.rand(n, 19, generator=g) < 0.2, special, body)
    return TensorDataset(torch.cat([torch.full((n, 1), BOS), body], 1), kind)


class MailFilter(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = GPT2Model(GPT2Config(vocab_size=1 + 3 * TOPIC + COMMON, n_positions=20, n_embd=32, n_layer=2, n_head=4,
                                          bos_token_id=BOS, eos_token_id=BOS, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0))
        self.norm = nn.LayerNorm(32)
        self.probe = nn.Linear(32, 3)

    def pool(self, hidden):
        return hidden[:, 0]  # fault
        # fixed: return hidden[:, -1]

    def forward(self, ids):
        hidden = self.trunk(ids).last_hidden_state
        return self.probe(self.norm(self.pool(hidden)))  # here


torch.manual_seed(41)
train_loader = DataLoader(mails(900, 1), batch_size=30, shuffle=True)
val_loader = DataLoader(mails(150, 2), batch_size=75)
model = MailFilter()
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.05)
optimizer = torch.optim.AdamW([
    {"params": model.trunk.parameters(), "lr": 1e-3},
    {"params": list(model.norm.parameters()) + list(model.probe.parameters()), "lr": 4e-3},
])


def train():
    losses = []
    for epoch in range(6):
        model.train()
        for ids, kind in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), kind)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([model(i).argmax(1) == k for i, k in val_loader]).float().mean().item()
        print(f"[{epoch}] loss={losses[-1]:.3f} val_acc={acc:.3f}")
    return sum(losses[-20:]) / 20


if __name__ == "__main__":
    print(train())
