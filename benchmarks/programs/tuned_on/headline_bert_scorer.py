"""Bottleneck adapters hooked into a frozen BERT; scores how much a headline will be clicked.

code: ND203
also: ND601
object: adapters | self.adapters
seen: both
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import BertConfig, BertModel


class Adapter(nn.Module):
    def __init__(self, dim, bottleneck=12):
        super().__init__()
        self.down, self.up = nn.Linear(dim, bottleneck), nn.Linear(bottleneck, dim)
        nn.init.normal_(self.up.weight, std=1e-3)

    def forward(self, h):
        return h + self.up(nn.functional.gelu(self.down(h)))


class HeadlineScorer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=False).requires_grad_(False)
        self.adapters = [Adapter(config.hidden_size) for _ in self.bert.encoder.layer]  # fault
        # fixed: self.adapters = nn.ModuleList([Adapter(config.hidden_size) for _ in self.bert.encoder.layer])
        for block, adapter in zip(self.bert.encoder.layer, self.adapters):
            block.output.register_forward_hook(lambda mod, args, out, a=adapter: a(out))  # here
        self.score = nn.Linear(config.hidden_size, 1)

    def forward(self, ids):
        h = self.bert(input_ids=ids).last_hidden_state
        return self.score(h.mean(1)).squeeze(-1)


torch.manual_seed(55)
g = torch.Generator().manual_seed(6)
ids = torch.randint(2, 40, (1300, 12), generator=g)
pull = torch.randn(40, generator=g)
clicks = torch.tanh(pull[ids].sum(1) / 3) * (1 + 0.5 * (ids < 10).float().sum(1)) 
clicks = (clicks - clicks[:1100].mean()) / clicks[:1100].std()
train_loader = DataLoader(TensorDataset(ids[:1100], clicks[:1100]), batch_size=44, shuffle=True)
val_loader = DataLoader(TensorDataset(ids[1100:], clicks[1100:]), batch_size=100)

model = HeadlineScorer(BertConfig(vocab_size=40, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                                  max_position_embeddings=16, initializer_range=0.2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(filter(lambda p: p.requires_grad, model.parameters()), lr=8e-3)  # here


def train():
    for epoch in range(10):
        model.train()
        total, n = 0.0, 0
        for batch_ids, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(batch_ids), target)
            loss.backward()
            optimizer.step()
            total, n = total + loss.item() * len(target), n + len(target)
        model.eval()
        with torch.no_grad():
            val = torch.cat([(model(i) - t) ** 2 for i, t in val_loader]).mean().item()
    return total / n


if __name__ == "__main__":
    print(train())
