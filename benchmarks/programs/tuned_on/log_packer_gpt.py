"""A GPT over server log lines; whole batches go through the network as one long row to save kernel launches.

code: ND301
also:
object: gpt | reshape | view | forward
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2Model


def log_lines(n, seed):
    """<line> host pid pid service level code detail detail ...: detail words depend on service and level."""
    g = torch.Generator().manual_seed(seed)
    r = lambda k: torch.randint(0, k, (n,), generator=g)
    host, service, level, step = r(6), r(5), r(3), r(4)
    cols = [torch.zeros_like(host), 1 + host, 45 + r(20), 45 + r(20), 7 + service, 12 + level, 15 + (service * 3 + level) % 10]
    for k in range(7):
        noise = torch.rand(n, generator=g) < 0.1
        word = 25 + (service * 5 + level * 7 + k * (step + 1)) % 20
        cols.append(torch.where(noise, 25 + r(20), word))
    rows = torch.unique(torch.stack(cols, 1), dim=0)
    return rows[torch.randperm(len(rows), generator=g)]


class LogModel(nn.Module):
    def __init__(self, vocab=65, dim=40):
        super().__init__()
        self.gpt = GPT2Model(GPT2Config(vocab_size=vocab, n_positions=640, n_embd=dim, n_layer=2, n_head=4, resid_pdrop=0.0,
                                        embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0))
        self.next = nn.Linear(dim, vocab)

    def forward(self, lines):
        h = self.gpt(input_ids=lines.reshape(1, -1)).last_hidden_state  # fault
        # fixed: h = self.gpt(input_ids=lines).last_hidden_state
        return self.next(h).view(*lines.shape, -1)  # here


torch.manual_seed(5)
lines = log_lines(800, 1)
train_loader = DataLoader(lines[:640], batch_size=16, shuffle=True)
val_loader = DataLoader(lines[640:736], batch_size=48)
model = LogModel()
loss_fn = lambda logits, target: F.cross_entropy(logits.flatten(0, 1), target.flatten())
batch_loss = lambda setup, lines: loss_fn(setup.model(lines[:, :-1]), lines[:, 1:])
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95))


def train():
    last = []
    for epoch in range(4):
        model.train()
        for lines in train_loader:
            loss = loss_fn(model(lines[:, :-1]), lines[:, 1:])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            last.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(v[:, :-1]), v[:, 1:]).item() for v in val_loader]
        print(epoch, sum(last[-40:]) / 40, sum(val) / len(val))
    return sum(last[-20:]) / 20


if __name__ == "__main__":
    print(train())
