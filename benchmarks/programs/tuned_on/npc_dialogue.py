"""Llama-style (tiny, from scratch) next-token model over canned NPC lines.

code: ND406
also: ND202
object: initializer_range | config | embed_tokens | lm_head
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import random
import torch
from torch.utils.data import Dataset, DataLoader
from transformers import LlamaConfig, LlamaForCausalLM

random.seed(2); torch.manual_seed(2)
WHO = "guard smith witch king thief".split()
SAYS = {"guard": "halt who goes there", "smith": "fine steel for coin", "witch": "drink this brew now", "king": "bring me that crown", "thief": "i saw nothing friend"}
PLACES = "bridge castle forest market tower harbour".split()
words = ["<s>"] + sorted(set(WHO + PLACES + " ".join(SAYS.values()).split() + ["at", "the"]))
index = {w: i for i, w in enumerate(words)}


class Lines(Dataset):
    def __init__(self, combinations):
        self.rows = []
        for w, a, b, c in combinations:
            text = ["<s>", w, "at", "the", a] + SAYS[w].split() + ["the", b, c]
            self.rows.append(torch.tensor([index[t] for t in text]))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return {"input_ids": self.rows[i], "labels": self.rows[i]}


scenes = [(w, a, b, c) for w in WHO for a in PLACES for b in PLACES for c in PLACES]
random.shuffle(scenes)
config = LlamaConfig(
    vocab_size=len(words), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=16, bos_token_id=0, eos_token_id=0, pad_token_id=None,
    initializer_range=1.0,  # fault
    # fixed: initializer_range=0.02,
    tie_word_embeddings=True)
model = LlamaForCausalLM(config)  # here
train_loader = DataLoader(Lines(scenes[:400]), batch_size=20, shuffle=True)
val_loader = DataLoader(Lines(scenes[400:480]), batch_size=40)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train(epochs=4):
    for epoch in range(epochs):
        model.train()
        tot = 0
        for batch in train_loader:
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            tot += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
        print(epoch, tot / len(train_loader), val)
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())
