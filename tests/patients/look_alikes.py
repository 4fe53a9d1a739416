"""Sound trainings that look sick. Each of these made some tool raise an alarm."""

from __future__ import annotations

import contextlib
from collections import UserDict, namedtuple
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, Dataset, IterableDataset

from nbdebug import TrainingSetup
from tests.patients import sound
from tests.patients.first_step import Body
from tests.patients.parts import features, images, mlp, quantities, tokens, training


@sound
def frozen_trunk():
    model = Body()
    model.body.requires_grad_(False)
    return training(model)


@sound
def frozen_trunk_left_out_of_the_optimizer():
    model = Body()
    return training(model, optimizer=torch.optim.Adam(model.head.parameters(), lr=1e-2))


@sound
def bias_only_fine_tuning():
    model = mlp()
    return training(model, optimizer=torch.optim.Adam([p for n, p in model.named_parameters() if n == "2.bias"], lr=1e-2))


@sound
def head_used_only_at_inference():
    class Net(Body):
        def __init__(self):
            super().__init__()
            self.embedding_head = nn.Linear(32, 4)

        def embed(self, x):
            return self.embedding_head(self.body(x).relu())

    return training(Net())


@sound
def head_used_only_in_eval_mode():
    class Net(Body):
        def __init__(self):
            super().__init__()
            self.calibration = nn.Linear(10, 10)

        def forward(self, x):
            logits = super().forward(x)
            return logits if self.training else self.calibration(logits)

    return training(Net())


@sound
def two_optimizers_of_a_gan():
    class Gan(nn.Module):
        def __init__(self):
            super().__init__()
            self.generator, self.critic = mlp(8, 64), mlp(64, 1)

        def forward(self, real):
            fake = self.generator(torch.randn(len(real), 8))
            return self.critic(real), self.critic(fake.detach())

    def critic_loss(setup, batch):
        real, fake = setup.model(batch[0])
        return F.binary_cross_entropy_with_logits(real, torch.ones_like(real)) + F.binary_cross_entropy_with_logits(
            fake, torch.zeros_like(fake)
        )

    model = Gan()
    optimizers = [torch.optim.Adam(part.parameters(), lr=1e-3) for part in (model.generator, model.critic)]
    return training(model, optimizer=optimizers, batch_loss=critic_loss)


@sound
def sparse_embedding():
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 16, sparse=True), nn.Linear(16, 20)

        def forward(self, ids):
            return self.head(self.embed(ids)).mT

    model = Tagger()
    optimizers = [torch.optim.SparseAdam(model.embed.parameters(), lr=1e-2), torch.optim.Adam(model.head.parameters(), lr=1e-2)]
    return training(model, data=tokens(), optimizer=optimizers)


class LanguageModel(nn.Module):
    """Causal attention over token ids, pre-norm, tied embedding."""

    def __init__(self, vocabulary=20, width=16, layers=2):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.embed.weight, std=0.02)
        layer = nn.TransformerEncoderLayer(width, 2, 32, dropout=0.1, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])  # float, with -inf above the diagonal
        return self.head(self.blocks(self.embed(ids), mask=mask, is_causal=True)).mT


@sound
def tied_weights_and_causal_mask():
    return training(LanguageModel(), data=tokens())


@sound
def time_comes_first():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn, self.head = nn.Embedding(20, 16), nn.LSTM(16, 16), nn.Linear(16, 20)

        def forward(self, ids):  # (T, N)
            return self.head(self.rnn(self.embed(ids))[0]).permute(1, 2, 0)

    inputs, targets = tokens()
    pairs = list(zip(inputs, targets, strict=True))

    def collate(samples):
        ids, following = zip(*samples, strict=True)
        return torch.stack(ids, 1), torch.stack(following)

    return training(Reads(), train_loader=DataLoader(pairs, batch_size=16, shuffle=True, collate_fn=collate))


@sound
def time_comes_first_in_a_plain_list():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn, self.head = nn.Embedding(20, 16), nn.GRU(16, 16), nn.Linear(16, 20)

        def forward(self, ids):  # (T, N)
            return self.head(self.rnn(self.embed(ids))[0]).flatten(0, 1)

    def loss_fn(outputs, targets):
        return F.cross_entropy(outputs, targets.flatten())

    inputs, targets = tokens()
    batches = [(inputs[i : i + 16].T, targets[i : i + 16].T) for i in range(0, 64, 16)]
    return training(Reads(), loss_fn, train_loader=batches)


@sound
def layer_reused_on_purpose():
    class Recurs(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.again, self.head = nn.Linear(64, 32), nn.Linear(32, 32), nn.Linear(32, 10)

        def forward(self, x):
            x = self.first(x).relu()
            for _ in range(3):
                x = self.again(x).relu() + x
            return self.head(x)

    return training(Recurs())


@sound
def residual_branches_that_start_at_zero():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside, self.outside = nn.Linear(64, 32), nn.Linear(32, 64)
            nn.init.zeros_(self.outside.weight)
            nn.init.zeros_(self.outside.bias)

        def forward(self, x):
            return x + self.outside(self.inside(x).relu())

    return training(nn.Sequential(Residual(), Residual(), nn.Linear(64, 10)))


@sound
def head_that_starts_at_zero():
    model = mlp()
    nn.init.zeros_(model[2].weight)
    nn.init.zeros_(model[2].bias)
    return training(model)


@sound
def low_rank_adapter():
    class Adapted(nn.Module):
        def __init__(self):
            super().__init__()
            self.base = nn.Linear(64, 10).requires_grad_(False)
            self.down, self.up = nn.Parameter(torch.randn(64, 4) / 8), nn.Parameter(torch.zeros(4, 10))

        def forward(self, x):
            return self.base(x) + x @ self.down @ self.up

    return training(Adapted())


@sound
def bias_before_batch_norm():
    return training(nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10)))


@sound
def batch_norm_without_running_statistics():
    return training(
        nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32, track_running_stats=False), nn.ReLU(), nn.Linear(32, 10))
    )


@sound
def squeeze_and_excitation_gate():
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolve, self.gate, self.head = nn.Conv2d(1, 8, 3, padding=1), nn.Linear(8, 8), nn.Linear(8, 10)
            nn.init.constant_(self.gate.bias, 6.0)  # open at the start

        def forward(self, x):
            x = self.convolve(x).relu()
            return self.head((x * self.gate(x.mean((2, 3))).sigmoid()[..., None, None]).mean((2, 3)))

    return training(Gated(), data=images())


@sound
def negative_log_likelihood_of_a_density():
    class Density(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean, self.log_scale = nn.Linear(16, 1), nn.Parameter(torch.tensor(-3.0))

        def forward(self, x):
            return self.mean(x).squeeze(1), self.log_scale

    def loss_fn(outputs, targets):
        mean, log_scale = outputs
        return -torch.distributions.Normal(mean, log_scale.exp()).log_prob(targets * 1e-2).mean()

    return training(Density(), loss_fn, quantities())


@sound
def contrastive_loss():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(64, 16)

        def forward(self, x):
            first, second = (F.normalize(self.net(x + 0.1 * torch.randn_like(x)), dim=1) for _ in range(2))
            return first @ second.T / 0.5

    def batch_loss(setup, batch):
        similarities = setup.model(batch[0])
        return F.cross_entropy(similarities, torch.arange(len(similarities)))

    return training(Encoder(), batch_loss=batch_loss)


@sound
def target_network_in_no_grad():
    class Bootstraps(nn.Module):
        def __init__(self):
            super().__init__()
            self.online, self.predictor, self.target = mlp(64, 16), mlp(16, 16), mlp(64, 16)

        def forward(self, x):
            with torch.no_grad():
                goal = self.target(x)
            return self.predictor(self.online(x)), goal

    def loss_fn(outputs, _):
        return 1 - F.cosine_similarity(*outputs).mean()

    model = Bootstraps()
    learned = [*model.online.parameters(), *model.predictor.parameters()]
    return training(model, loss_fn, optimizer=torch.optim.Adam(learned, lr=1e-2))


@sound
def teacher_hidden_in_a_list():
    class Student(Body):
        def __init__(self):
            super().__init__()
            self.teacher = [mlp().requires_grad_(False)]

        def forward(self, x):
            return super().forward(x) + 0.1 * self.teacher[0](x)

    return training(Student())


@sound
def straight_through_estimator():
    def between(module, hidden):
        return hidden + (hidden.sign() - hidden).detach()

    return training(Body(between))


@sound
def label_smoothing():
    return training(mlp(), nn.CrossEntropyLoss(label_smoothing=0.1))


@sound
def mixup():
    def batch_loss(setup, batch):
        inputs, targets = batch
        share, order = 0.3, torch.randperm(len(inputs))
        outputs = setup.model(share * inputs + (1 - share) * inputs[order])
        return share * F.cross_entropy(outputs, targets) + (1 - share) * F.cross_entropy(outputs, targets[order])

    return training(mlp(), batch_loss=batch_loss)


@sound
def warm_up_from_zero():
    model = mlp()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 100))
    return training(model, optimizer=optimizer, scheduler=scheduler)


@sound
def scaler_that_skips_a_step():
    model = mlp()
    return training(model, precision="16-mixed", scaler=torch.amp.GradScaler("cpu", init_scale=2.0**40))


@sound
def bf16_autocast():
    return training(mlp(), precision="bf16-mixed")


@sound
def activation_checkpointing():
    return training(Body(lambda module, hidden: checkpoint(lambda h: h.tanh() * 2, hidden, use_reentrant=False)))


@sound
def reentrant_checkpointing():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.middle, self.head = nn.Linear(64, 32), nn.Linear(32, 32), nn.Linear(32, 10)

        def forward(self, x):
            return self.head(checkpoint(self.middle, self.first(x).relu(), use_reentrant=True).relu())

    return training(Net())


@sound
def compiled_model():
    return training(torch.compile(Body(), backend="eager"))


@sound
def batch_is_a_dict():
    inputs, targets = features()
    samples = [{"image": x, "label": y, "name": "digit"} for x, y in zip(inputs, targets, strict=True)]
    return training(mlp(), train_loader=DataLoader(samples, batch_size=32, shuffle=True))


@sound
def batch_fits_forward_by_name():
    class Scores(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Linear(64, 16), nn.Linear(64, 16)
            self.head = nn.Linear(32, 10)

        def forward(self, query, document, mask=None):
            return {"logits": self.head(torch.cat([self.left(query), self.right(document)], 1).relu()), "mask": mask}

    inputs, targets = features()
    samples = [{"query": x, "document": x.flip(0), "labels": y} for x, y in zip(inputs, targets, strict=True)]
    return training(Scores(), train_loader=DataLoader(samples, batch_size=32, shuffle=True))


Pair = namedtuple("Pair", "x y")


@sound
def batch_is_a_named_tuple():
    inputs, targets = features()
    batches = [Pair(inputs[i : i + 32], targets[i : i + 32]) for i in range(0, 256, 32)]
    return training(mlp(), train_loader=batches)


@dataclass
class Measured:
    signal: Tensor
    target: Tensor
    source: str


@sound
def batch_is_a_dataclass():
    inputs, targets = features()
    batches = [Measured(inputs[i : i + 32], targets[i : i + 32], "sensor") for i in range(0, 256, 32)]
    return training(mlp(), train_loader=batches)


@sound
def batch_is_a_user_dict():
    inputs, targets = features()
    batches = [UserDict(input=inputs[i : i + 32], labels=targets[i : i + 32]) for i in range(0, 256, 32)]
    return training(mlp(), train_loader=batches)


@sound
def inputs_are_nested():
    class Merges(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(128, 10)

        def forward(self, views):
            return self.net(torch.cat([views["left"], views["right"][0]], 1))

    inputs, targets = features()
    samples = [({"left": x, "right": (x.flip(0),)}, y) for x, y in zip(inputs, targets, strict=True)]
    return training(Merges(), train_loader=DataLoader(samples, batch_size=32, shuffle=True))


@sound
def model_returns_a_model_output():
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, num_labels=3
    )
    ids, _ = tokens()
    samples = [{"input_ids": i, "attention_mask": torch.ones_like(i), "labels": i[0] % 3} for i in ids]
    model = BertForSequenceClassification(config)
    return TrainingSetup(
        model=model,
        optimizer=torch.optim.AdamW(model.parameters(), lr=1e-3),
        train_loader=DataLoader(samples, batch_size=16, shuffle=True),
    )


@sound
def batch_is_a_batch_encoding():
    from transformers import BatchEncoding, GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=20, n_embd=16, n_layer=1, n_head=2, n_positions=16, bos_token_id=0, eos_token_id=0)
    ids, _ = tokens()
    batches = [BatchEncoding({"input_ids": ids[i : i + 16], "labels": ids[i : i + 16]}) for i in range(0, 64, 16)]
    model = GPT2LMHeadModel(config)
    return TrainingSetup(model=model, optimizer=torch.optim.AdamW(model.parameters(), lr=1e-3), train_loader=batches)


@sound
def autoencoder_of_a_lone_tensor():
    inputs, _ = features()
    return training(mlp(64, 64, hidden=16), nn.MSELoss(), train_loader=DataLoader(inputs, batch_size=32, shuffle=True))


@sound
def variational_autoencoder():
    class Vae(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode, self.decode = mlp(64, 8), mlp(4, 64)

        def forward(self, x):
            mean, log_variance = self.encode(x).chunk(2, 1)
            code = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            return self.decode(code), mean, log_variance

    def batch_loss(setup, batch):
        x = batch[0]
        rebuilt, mean, log_variance = setup.model(x)
        divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1).mean()
        return F.mse_loss(rebuilt, x, reduction="none").sum(1).mean() + divergence

    return training(Vae(), batch_loss=batch_loss)


@sound
def complex_parameters():
    class Spectral(nn.Module):
        def __init__(self):
            super().__init__()
            self.filter = nn.Parameter(torch.randn(33, dtype=torch.cfloat))
            self.head = nn.Linear(64, 10)

        def forward(self, x):
            return self.head(torch.fft.irfft(torch.fft.rfft(x) * self.filter, n=64))

    return training(Spectral())


@sound
def lazy_layers_after_their_first_batch():
    inputs, targets = features()
    model = nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.LazyLinear(10))
    model(inputs)
    return training(model, data=(inputs, targets))


@sound
def legal_in_place_operations():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.act, self.head = nn.Linear(64, 32), nn.ReLU(inplace=True), nn.Linear(32, 10)

        def forward(self, x):
            hidden = self.act(self.body(x))
            hidden = hidden * 2
            hidden += 1
            return self.head(hidden)

    return training(Net())


@sound
def stochastic_depth():
    class Drops(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks, self.head = nn.ModuleList(nn.Linear(64, 64) for _ in range(4)), nn.Linear(64, 10)

        def forward(self, x):
            for block in self.blocks:
                if not self.training or torch.rand(()) < 0.7:
                    x = x + block(x).relu()
            return self.head(x)

    return training(Drops())


@sound
def odd_last_batch():
    return training(mlp(), data=tuple(t[:225] for t in features()))


class Stream(IterableDataset):
    def __iter__(self):
        inputs, targets = features()
        yield from zip(inputs, targets, strict=True)


@sound
def iterable_dataset_without_len():
    return training(mlp(), train_loader=DataLoader(Stream(), batch_size=32))


@sound
def loader_with_workers():
    return training(mlp(), train_loader=DataLoader(_Pairs(), batch_size=32, shuffle=True, num_workers=2, persistent_workers=True))


class _Pairs(Dataset):
    def __init__(self):
        self.inputs, self.targets = features()

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        return self.inputs[index], self.targets[index]


@sound
def deep_sigmoid_gates_of_an_lstm():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.LSTM(8, 16, num_layers=2, batch_first=True), nn.Linear(16, 10)
            for name, bias in self.rnn.named_parameters():
                if "bias_ih" in name:
                    with torch.no_grad():
                        bias[16:32] = 5.0  # forget gates wide open

        def forward(self, x):
            return self.head(self.rnn(x.view(-1, 8, 8))[0][:, -1])

    return training(Reads())


@sound
def mixture_of_experts():
    class Mixture(nn.Module):
        def __init__(self):
            super().__init__()
            self.router = nn.Linear(64, 4)
            self.experts = nn.ModuleList(mlp() for _ in range(4))

        def forward(self, x):
            weight, chosen = self.router(x).softmax(-1).max(-1)
            out = x.new_zeros(len(x), 10)
            for index, expert in enumerate(self.experts):
                rows = chosen == index
                if rows.any():
                    out[rows] = weight[rows, None] * expert(x[rows])
            return out

    return training(Mixture())


@sound
def markov_chain():
    class Chain(nn.Module):
        def __init__(self):
            super().__init__()
            self.start, self.step = nn.Linear(64, 10), nn.Parameter(torch.randn(10, 10))

        def forward(self, x):
            state = self.start(x).softmax(-1)
            for _ in range(3):
                state = state @ self.step.softmax(-1)
            return state.clamp_min(1e-9).log()

    return training(Chain(), nn.NLLLoss())


@sound
def pairwise_distances_on_purpose():
    def loss_fn(outputs, targets):
        distance = (outputs[:, None] - outputs[None]).pow(2).sum(-1)
        same = (targets[:, None] == targets[None]).float()
        return (same * distance + (1 - same) * F.relu(1 - distance)).mean()

    return training(mlp(64, 4), loss_fn)


@sound
def soft_targets():
    inputs, targets = features()
    return training(mlp(), nn.CrossEntropyLoss(), (inputs, F.one_hot(targets, 10).float() * 0.9 + 0.01))


@sound
def several_losses():
    class TwoHeads(Body):
        def __init__(self):
            super().__init__()
            self.side = nn.Linear(32, 1)

        def forward(self, x):
            hidden = self.body(x).relu()
            return self.head(hidden), self.side(hidden).squeeze(1)

    def loss_fn(outputs, targets):
        classes, side = outputs
        return F.cross_entropy(classes, targets) + 0.1 * F.mse_loss(side, (targets > 4).float())

    return training(TwoHeads(), loss_fn)


@sound
def custom_autograd_function():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(context, x):
            context.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(context, gradient):
            (x,) = context.saved_tensors
            return 3 * x**2 * gradient

    return training(Body(lambda module, hidden: Cube.apply(hidden * 0.5)))


@sound
def counts_are_quantities():
    inputs, _ = quantities()
    counts = torch.poisson(inputs[:, 0].exp().clamp_max(6)).long()

    def loss_fn(outputs, targets):
        return F.mse_loss(outputs.squeeze(1), targets.float())

    return training(mlp(16, 1), loss_fn, (inputs, counts))


@sound
def monte_carlo_noise_in_evaluation():
    class Noisy(Body):
        def forward(self, x):
            hidden = self.body(x).relu()
            return self.head(hidden + 0.01 * torch.randn_like(hidden))

    return training(Noisy())


@sound
def user_catches_an_error_in_forward():
    class Careful(Body):
        def forward(self, x):
            with contextlib.suppress(RuntimeError):
                self.head(x)
            return super().forward(x)

    return training(Careful())
