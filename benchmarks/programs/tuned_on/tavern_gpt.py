"""GPT-2 for tavern small talk that starts from word vectors of its own corpus (SVD of co-occurrences).

code: ND204
also:
object: lm_head | lm_head.weight | transformer.wte | transformer.wte.weight | set_input_embeddings
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

rng = np.random.default_rng(31)
GUEST, DRINK, TALE = range(3, 11), range(11, 21), range(21, 36)   # 0 <s>, 1 "orders", 2 "tells"


def evening():
    ids = [0]
    for _ in range(4):
        guest = rng.choice(GUEST)
        drink = 11 + (guest - 3 + rng.integers(0, 2)) % 10
        ids += [guest, 1, drink, 2, 21 + (drink * 3 + rng.integers(0, 3)) % 15]
    return ids


talk = np.array([evening() for _ in range(760)])
train_ids, val_ids = torch.as_tensor(talk[:640]), torch.as_tensor(talk[640:])


def word_vectors(dim):
    counts = np.zeros((36, 36))
    for row in train_ids.numpy():
        for a, b in zip(row[:-1], row[1:]):
            counts[a, b] += 1; counts[b, a] += 1
    u, s, _ = np.linalg.svd(np.log1p(counts))
    vec = u[:, :dim] * np.sqrt(s[:dim])
    return torch.tensor(0.06 * (vec - vec.mean(0)) / vec.std(0), dtype=torch.float32)


torch.manual_seed(31)
config = GPT2Config(vocab_size=36, n_positions=24, n_embd=32, n_layer=2, n_head=2, resid_pdrop=0.05, embd_pdrop=0.05,
                    attn_pdrop=0.0, bos_token_id=0, eos_token_id=0, tie_word_embeddings=True)  # here
model = GPT2LMHeadModel(config)
words = torch.nn.Embedding.from_pretrained(word_vectors(32), freeze=False)
model.set_input_embeddings(words)  # fault
# fixed: model.set_input_embeddings(words)
# fixed: model.lm_head.weight = words.weight

train_loader = torch.utils.data.DataLoader(train_ids, batch_size=32, shuffle=True)
val_loader = torch.utils.data.DataLoader(val_ids, batch_size=60)
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.0)


def batch_loss(setup, batch):
    return setup.model(input_ids=batch, labels=batch).loss


def train():
    model.train()
    losses = []
    for epoch in range(7):
        for batch in train_loader:
            loss = model(input_ids=batch, labels=batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([model(input_ids=b, labels=b).loss.item() for b in val_loader])
        model.train()
    return float(np.mean(losses[-15:]))


if __name__ == "__main__":
    print(train())
