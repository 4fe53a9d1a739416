"""Generates codon sequences left to right with a small BERT used as language model.

code: ND302
also:
object: is_decoder | config | bert | bert.encoder | bert.encoder.layer.0.attention.self | bert.encoder.layer.0.attention
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertLMHeadModel, logging

logging.set_verbosity_error()
START = 64


class Genes(Dataset):
    """A chain over 64 codons: each codon prefers four successors."""

    def __init__(self, n, seed, length=24):
        world = torch.Generator().manual_seed(64)
        follow = torch.randint(0, 64, (64, 4), generator=world)
        g = torch.Generator().manual_seed(seed)
        seq = [torch.full((n,), START), torch.randint(0, 64, (n,), generator=g)]
        for _ in range(length - 2):
            pick = torch.randint(0, 4, (n,), generator=g)
            stray = torch.rand(n, generator=g) < 0.1
            seq.append(torch.where(stray, torch.randint(0, 64, (n,), generator=g), follow[seq[-1], pick]))
        self.codons = torch.stack(seq, 1)

    def __len__(self):
        return len(self.codons)

    def __getitem__(self, i):
        return {"input_ids": self.codons[i], "labels": self.codons[i]}


torch.manual_seed(64)
config = BertConfig(vocab_size=65, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, max_position_embeddings=32,
                    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, pad_token_id=None,
                    is_decoder=False)  # fault
                    # fixed: is_decoder=True)
model = BertLMHeadModel(config)  # here
train_loader = DataLoader(Genes(800, 1), batch_size=25, shuffle=True)
val_loader = DataLoader(Genes(100, 2), batch_size=50)
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / 20))


def train():
    late = []
    for epoch in range(4):
        model.train()
        for batch in train_loader:
            loss = model(**batch).loss  # here
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            late.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
    return sum(late[-20:]) / 20


if __name__ == "__main__":
    print(train())
