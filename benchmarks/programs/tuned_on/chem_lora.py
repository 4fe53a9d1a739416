"""Adapts a (pretend) chemistry Llama to assay notes with hand-made LoRA: frozen trunk, B starts at zero.

code: none
trait: frozen base with few trainable adapters, lora_B all zeros so lora_A has no gradient in the first step, tied embeddings, labels full of -100, warm-up from 0
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import random
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader
from transformers import LlamaConfig, LlamaForCausalLM

WORDS = ["<pad>", "<s>", "</s>", "->", "acid", "base", "salt", "ester", "mixed", "with", "heated", "gives", "yields", "precipitate", "gas", "red", "blue", "green", "clear"]
ID = {w: i for i, w in enumerate(WORDS)}
COLOUR = {"acid": "red", "base": "blue", "salt": "clear", "ester": "green"}


class LoRALinear(nn.Module):
    def __init__(self, base, r=4, alpha=16):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.randn(r, base.in_features) / base.in_features ** 0.5)
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r))
        self.scale = alpha / r

    def forward(self, x):
        return self.base(x) + (x @ self.lora_A.T @ self.lora_B.T) * self.scale


def add_lora(model, names=("q_proj", "v_proj", "up_proj", "down_proj")):
    for p in model.parameters():
        p.requires_grad_(False)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if name in names:
                setattr(module, name, LoRALinear(child))
    return model


def note(r):
    a, b = r.choice(list(COLOUR)), r.choice(list(COLOUR))
    prompt = ["<s>", a, r.choice(["mixed", "heated"]), "with", b, r.choice(["gives", "yields"]), "->"]
    answer = [COLOUR[a], "gas" if a == b else "precipitate", "</s>"]
    return [ID[w] for w in prompt], [ID[w] for w in answer]


def collate(notes):
    ids = torch.tensor([p + a for p, a in notes])
    labels = torch.tensor([[-100] * len(p) + a for p, a in notes])
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


torch.manual_seed(0)
r = random.Random(0)
config = LlamaConfig(vocab_size=len(WORDS), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                     num_key_value_heads=2, max_position_embeddings=32, tie_word_embeddings=True, pad_token_id=0, bos_token_id=1, eos_token_id=2,
                     initializer_range=0.15)
model = add_lora(LlamaForCausalLM(config))
train_loader = DataLoader([note(r) for _ in range(400)], batch_size=20, shuffle=True, collate_fn=collate)
trainable = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trainable, lr=1e-2, weight_decay=0.0)
scheduler = LambdaLR(optimizer, lambda s: min(s / 10, 1.0))
loss_fn = None


def train(epochs=4):
    print(f"{sum(p.numel() for p in trainable)} of {sum(p.numel() for p in model.parameters())} parameters are trained")
    for epoch in range(epochs):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        print(epoch, sum(losses) / len(losses))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
