"""A tiny GPT-2 over codons; its word embedding gets a new table built from the chemistry of the amino acids.

code: ND204
also:
object: transformer.wte | transformer.wte.weight | lm_head | lm_head.weight | wte
seen: checkup
"""
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2Config, GPT2LMHeadModel

CODONS, DIM = 64, 48
torch.manual_seed(64)
chemistry = torch.randn(CODONS, 6)


class Genes(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        affinity = (chemistry @ chemistry.roll(1, 0).T).div(1.2).softmax(-1)
        codons = torch.randint(CODONS, (n, 1), generator=g)
        for _ in range(23):
            codons = torch.cat([codons, torch.multinomial(affinity[codons[:, -1]], 1, generator=g)], 1)
        self.codons = codons

    def __len__(self):
        return len(self.codons)

    def __getitem__(self, i):
        return {"input_ids": self.codons[i], "labels": self.codons[i]}


def chemistry_table():
    table = torch.zeros(CODONS, DIM)
    table[:, :6] = chemistry
    return 0.02 * (table + torch.randn(CODONS, DIM))


config = GPT2Config(vocab_size=CODONS, n_positions=24, n_embd=DIM, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)
model = GPT2LMHeadModel(config)
assert config.tie_word_embeddings
model.transformer.wte = nn.Embedding.from_pretrained(chemistry_table(), freeze=False)  # fault
# fixed: model.set_input_embeddings(nn.Embedding.from_pretrained(chemistry_table(), freeze=False))
# fixed: model.tie_weights()
train_loader = DataLoader(Genes(400, 1), batch_size=25, shuffle=True)
val_loader = DataLoader(Genes(100, 2), batch_size=50)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train():
    for epoch in range(4):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
        print(epoch, sum(losses) / len(losses), val)
    print("tied:", model.lm_head.weight is model.transformer.wte.weight)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
