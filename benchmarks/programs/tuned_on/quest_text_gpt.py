"""A tiny GPT that writes quest log lines for a role-playing game.

code: ND202
also: ND406
object: transformer.wte | transformer.wte.weight | lm_head | initializer_range | config
seen: checkup
"""
import os, random
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel, get_cosine_schedule_with_warmup

random.seed(4)
torch.manual_seed(4)
WHO = "knight thief mage ranger bard monk".split()
DO = "steals guards seeks burns hides finds sells".split()
HOW = "quietly bravely slowly twice never again".split()
WHAT = "crown amulet scroll lantern potion map idol horn".split()
WHERE = "cave tower swamp market crypt forest harbour bridge".split()
WORDS = ["<eos>", "the", "in", "near", "and", "then"] + WHO + DO + HOW + WHAT + WHERE
ID = {w: i for i, w in enumerate(WORDS)}


def line():
    def clause():
        return ["the", random.choice(WHO), random.choice(HOW), random.choice(DO), "the", random.choice(WHAT), random.choice(["in", "near"]), "the", random.choice(WHERE)]
    return [ID[w] for w in clause() + ["and", "then"] + clause() + ["<eos>"]]


def collate(rows):
    ids = torch.tensor(rows)
    return dict(input_ids=ids, labels=ids.clone(), attention_mask=torch.ones_like(ids))


lines = [line() for _ in range(900)]
train_loader = DataLoader(lines[:800], batch_size=25, shuffle=True, collate_fn=collate)
val_loader = DataLoader(lines[800:], batch_size=50, collate_fn=collate)

config = GPT2Config(
    vocab_size=len(WORDS), n_positions=32, n_embd=48, n_layer=2, n_head=4,
    initializer_range=0.9,  # fault
    # fixed: initializer_range=0.02,
    resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0,
)
model = GPT2LMHeadModel(config)  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
scheduler = get_cosine_schedule_with_warmup(optimizer, 10, 160)


def train():
    log = []
    for _ in range(5):
        model.train()
        for batch in train_loader:
            out = model(**batch)
            out.loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            log.append(out.loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(model(**b).loss.item() for b in val_loader) / len(val_loader)
    return sum(log[-30:]) / 30


if __name__ == "__main__":
    print(train())
