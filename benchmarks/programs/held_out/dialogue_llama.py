"""A two-layer Llama learns the turns of toy dialogues (question type -> answer type), plain SGD.

code: ND405
also: ND604
object: cross_entropy | reduction | loss | batch_loss
seen: both
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(220)
TURNS, VOCAB = 6, 24


class Dialogues(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        ask = torch.randint(2, 12, (n, TURNS), generator=g)
        answer = 12 + (ask - 2) % 10
        self.ids = torch.cat([torch.ones(n, 1, dtype=torch.long), torch.stack([ask, answer], 2).flatten(1)], 1)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return {"input_ids": self.ids[i]}


def batch_loss(setup, batch):
    ids = batch["input_ids"]
    logits = setup.model(input_ids=ids, use_cache=False).logits[:, :-1]
    return F.cross_entropy(logits.reshape(-1, VOCAB), ids[:, 1:].reshape(-1), reduction="sum")  # fault
    # fixed: return F.cross_entropy(logits.reshape(-1, VOCAB), ids[:, 1:].reshape(-1))


config = LlamaConfig(vocab_size=VOCAB, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                     max_position_embeddings=32, bos_token_id=1, eos_token_id=0, pad_token_id=0)
train_loader = DataLoader(Dialogues(600, 0), batch_size=30, shuffle=True)
val_loader = DataLoader(Dialogues(100, 1), batch_size=50)
model = LlamaForCausalLM(config)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)  # here


class Loop:
    def __init__(self, model):
        self.model = model
        self.losses = []

    def epoch(self):
        self.model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(self, batch)  # here
            loss.backward()
            optimizer.step()
            self.losses.append(loss.item())

    @torch.no_grad()
    def answers_right(self):
        self.model.eval()
        right = []
        for batch in val_loader:
            guess = self.model(input_ids=batch["input_ids"], use_cache=False).logits[:, 1:-1:2].argmax(-1)
            right.append((guess == batch["input_ids"][:, 2::2]).float().mean())
        return torch.stack(right).mean().item()


def train():
    loop = Loop(model)
    for epoch in range(4):
        loop.epoch()
        print(epoch, sum(loop.losses[-20:]) / 20, "answers", loop.answers_right())
    return sum(loop.losses[-20:]) / 20


if __name__ == "__main__":
    print(train())
