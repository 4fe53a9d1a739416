"""A tiny Llama continues arithmetic progressions modulo 17.

code: ND607
also:
object: optimizer | weight_decay
seen: both
"""
import torch
from torch.utils.data import DataLoader
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(29)


def progressions(n, generator):
    start = torch.randint(0, 17, (n, 1), generator=generator)
    stride = torch.randint(1, 5, (n, 1), generator=generator)
    return (start + stride * torch.arange(10)) % 17


def stack(rows):
    ids = torch.stack(rows)
    return {"input_ids": ids, "labels": ids.clone()}


g = torch.Generator().manual_seed(4)
train_loader = DataLoader(list(progressions(512, g)), batch_size=32, shuffle=True, collate_fn=stack)
model = LlamaForCausalLM(LlamaConfig(
    vocab_size=17, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=16, bos_token_id=0, eos_token_id=1, pad_token_id=None, initializer_range=0.08))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=30.0)  # fault
# fixed: optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)


def train():
    model.train()
    for epoch in range(9):
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            out = model(**batch)
            out.loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(out.loss.item())
        print(epoch, sum(losses) / len(losses))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
