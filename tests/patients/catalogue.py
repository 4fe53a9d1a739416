"""Weights that are one or two, layers with nothing between them, models that see the future, losses that pull the wrong way."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F

from nbdebug import TrainingSetup
from tests.patients import patient, sound
from tests.patients.parts import features, images, loader, mlp, quantities, tokens, training

# -- ND204: one layer in several places -----------------------------------------------------------------------


@patient("ND204", where="for _ in range(3)]) · blocks.0")
def list_times_three(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.head = nn.Linear(64, 32), nn.Linear(32, 10)
            block = nn.Linear(32, 32)
            self.blocks = nn.ModuleList([block] * 3 if sick else [copy.deepcopy(block) for _ in range(3)])

        def forward(self, x):
            x = self.first(x).relu()
            for block in self.blocks:
                x = x + block(x).relu()
            return self.head(x)

    return training(Net())


@patient("ND204", where="layers.0")
def clones_that_are_none(sick):
    def clones(layer, count):
        return nn.ModuleList([layer if sick else copy.deepcopy(layer) for _ in range(count)])

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 3)
            self.layers = clones(nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True), 2)

        def forward(self, ids):
            x = self.embed(ids)
            for layer in self.layers:
                x = layer(x)
            return self.head(x.mean(1))

    ids, _ = tokens()
    return training(Encoder(), data=(ids, ids[:, 0] % 3))


@patient("ND204", where="0")
def block_repeated_in_a_sequence(sick):
    def block():
        return nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())

    one = block()
    blocks = [one] * 3 if sick else [block() for _ in range(3)]
    return training(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Sequential(*blocks), nn.Flatten(), nn.Linear(144, 10)), data=images())


@patient("ND204", where="heads")
def heads_for_several_tasks_are_one(sick):
    class Tasks(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(64, 32)
            self.heads = nn.ModuleList()
            head = nn.Linear(32, 10)
            for _ in range(2):
                if not sick:
                    head = nn.Linear(32, 10)
                self.heads.append(head)

        def forward(self, x):
            hidden = self.body(x).relu()
            return [head(hidden) for head in self.heads]

    def loss_fn(outputs, targets):
        return F.cross_entropy(outputs[0], targets) + F.cross_entropy(outputs[1], (targets + 1) % 10)

    return training(Tasks(), loss_fn)


@patient("ND204", where="query")
def query_and_key_assigned_at_once(sick):
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            if sick:
                self.query = self.key = self.value = nn.Linear(8, 8)
            else:
                self.query, self.key, self.value = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
            self.head = nn.Linear(64, 10)

        def forward(self, x):
            x = x.view(-1, 8, 8)
            weights = (self.query(x) @ self.key(x).mT / 8**0.5).softmax(-1)
            return self.head((weights @ self.value(x)).relu().flatten(1))

    return training(Attention())


@patient("ND204", where="1")
def batch_norm_used_by_two_layers(sick):
    norms = [nn.BatchNorm1d(32)] * 2 if sick else [nn.BatchNorm1d(32) for _ in range(2)]
    layers = nn.Linear(64, 32), norms[0], nn.ReLU(), nn.Linear(32, 32), norms[1], nn.ReLU(), nn.Linear(32, 10)
    return training(nn.Sequential(*layers))


# -- ND204: ties that are broken ------------------------------------------------------------------------------


class Tagger(nn.Module):
    """Predicts the next token from this one."""

    def __init__(self):
        super().__init__()
        self.embed, self.hidden = nn.Embedding(20, 16), nn.Linear(16, 16)
        self.head = nn.Linear(16, 20, bias=False)
        nn.init.normal_(self.embed.weight, std=0.1)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        return self.head(self.hidden(self.embed(ids)).tanh()).mT


@patient("ND204", where="head.weight")
def head_built_again_after_tying(sick):
    model = Tagger()
    if sick:
        model.head = nn.Linear(16, 20, bias=False)
    return training(model, data=tokens())


@patient("ND204", where="catalogue.py, line 127 in Tagger.__init__: self.head.weight = self.embed.weight · head.weight")
def loaded_by_assignment(sick):
    model = Tagger()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(state, assign=sick)
    return training(model, data=tokens())


@patient("ND204", where="head.weight")
def tied_by_a_copy(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.hidden = nn.Embedding(20, 16), nn.Linear(16, 16)
            self.head = nn.Linear(16, 20, bias=False)
            self.tie_weights()

        def forward(self, ids):
            return self.head(self.hidden(self.embed(ids)).tanh()).mT

    class Copies(Net):
        def tie_weights(self):
            self.head.weight = nn.Parameter(self.embed.weight.clone())

    class Ties(Net):
        def tie_weights(self):
            self.head.weight = self.embed.weight

    return training(Copies() if sick else Ties(), data=tokens())


@patient("ND204", where="decoder.weight")
def decoder_tied_by_a_transposed_copy(sick):
    class Folds(nn.Module):
        """Its decoder is tied to its encoder."""

        def __init__(self):
            super().__init__()
            self.encoder, self.bias = nn.Linear(64, 16), nn.Parameter(torch.zeros(64))
            if sick:
                self.decoder = nn.Linear(16, 64)
                self.decoder.weight = nn.Parameter(self.encoder.weight.t().clone())

        def forward(self, x):
            hidden = self.encoder(x).tanh()
            return self.decoder(hidden) + self.bias if sick else hidden @ self.encoder.weight + self.bias

    inputs = features()[0]
    return training(Folds(), nn.MSELoss(), (inputs, inputs))


class SwitchedCopy(nn.Module):
    """Starts its head with the embedding, if it is told to."""

    def __init__(self, tie_weights=True):
        super().__init__()
        self.embed, self.hidden = nn.Embedding(20, 16), nn.Linear(16, 16)
        self.head = nn.Linear(16, 20, bias=False)
        nn.init.normal_(self.embed.weight, std=0.1)
        if tie_weights:
            self.head.weight = nn.Parameter(self.embed.weight.clone())

    def forward(self, ids):
        return self.head(self.hidden(self.embed(ids)).tanh()).mT


@patient("ND204", where="head.weight")
def tied_by_a_copy_where_an_argument_says_so(sick):
    return training(SwitchedCopy() if sick else Tagger(), data=tokens())


@sound
def tied_by_a_copy_that_an_argument_switches_off():
    return training(SwitchedCopy(tie_weights=False), data=tokens())


@patient("ND204", where="head.weight")
def initialised_with_new_parameters(sick):
    def initialise(module):
        if isinstance(module, nn.Embedding):
            if sick:
                module.weight = nn.Parameter(0.1 * torch.randn_like(module.weight))
            else:
                nn.init.normal_(module.weight, std=0.1)

    class Initialises(Tagger):
        def __init__(self):
            super().__init__()
            self.head.weight = self.embed.weight
            self.apply(initialise)

    return training(Initialises(), data=tokens())


@patient("ND204", where="lm_head.weight")
def configured_to_be_tied(sick):
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=20, n_embd=16, n_layer=1, n_head=2, n_positions=16, bos_token_id=0, eos_token_id=0)
    model = GPT2LMHeadModel(config)
    if sick:
        model.lm_head.weight = nn.Parameter(model.lm_head.weight.detach().clone())
    ids, _ = tokens()
    batches = [{"input_ids": ids[i : i + 16], "labels": ids[i : i + 16]} for i in range(0, 64, 16)]
    return TrainingSetup(model=model, optimizer=torch.optim.AdamW(model.parameters(), lr=1e-3), train_loader=batches)


# -- ND204: shared on purpose ---------------------------------------------------------------------------------


@sound
def shared_layer_in_a_list():
    class Universal(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.head = nn.Linear(64, 32), nn.Linear(32, 10)
            self.layers = nn.ModuleList([nn.Linear(32, 32)] * 3)  # the layers share their weights, as in ALBERT

        def forward(self, x):
            x = self.first(x).relu()
            for layer in self.layers:
                x = x + layer(x).relu()
            return self.head(x)

    return training(Universal())


@sound
def siamese_towers_in_a_list():
    class Siamese(nn.Module):
        def __init__(self):
            super().__init__()
            tower = mlp(64, 16)
            self.towers = nn.ModuleList([tower, tower])
            self.head = nn.Linear(32, 10)

        def forward(self, x):
            both = [tower(view) for tower, view in zip(self.towers, (x, x.flip(1)), strict=True)]
            return self.head(torch.cat(both, 1).relu())

    return training(Siamese())


@sound
def one_head_for_every_level():
    class Levels(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(64, 32), nn.Linear(32, 32)
            self.class_embed = nn.Linear(32, 10)
            self.class_embed = nn.ModuleList([self.class_embed for _ in range(2)])

        def forward(self, x):
            first = self.first(x).relu()
            second = first + self.second(first).relu()
            return torch.stack([head(hidden) for head, hidden in zip(self.class_embed, (first, second), strict=True)])

    return training(Levels(), lambda outputs, targets: sum(F.cross_entropy(out, targets) for out in outputs))


@sound
def activation_and_dropout_used_again():
    active, drop = nn.PReLU(), nn.Dropout(0.1)
    return training(nn.Sequential(nn.Linear(64, 32), active, drop, nn.Linear(32, 32), active, drop, nn.Linear(32, 10)))


@sound
def stem_registered_twice():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Linear(64, 32)
            self.head = nn.Linear(32, 10)
            self.backbone = nn.Sequential(self.stem, nn.ReLU())

        def forward(self, x):
            return self.head(self.backbone(x))

    return training(Net())


@sound
def head_initialised_from_the_embedding():
    class Starts(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.hidden = nn.Embedding(20, 16), nn.Linear(16, 16)
            self.head = nn.Linear(16, 20, bias=False)
            self.head.weight.data.copy_(self.embed.weight.data)  # a better start than noise

        def forward(self, ids):
            return self.head(self.hidden(self.embed(ids)).tanh()).mT

    return training(Starts(), data=tokens())


@sound
def tying_switched_off():
    class Switched(nn.Module):
        def __init__(self, tie=False):
            super().__init__()
            self.embed, self.hidden = nn.Embedding(20, 16), nn.Linear(16, 16)
            self.head = nn.Linear(16, 20, bias=False)
            if tie:
                self.head.weight = self.embed.weight

        def forward(self, ids):
            return self.head(self.hidden(self.embed(ids)).tanh()).mT

    return training(Switched(), data=tokens())


@sound
def tied_model_with_a_head_for_other_classes():
    model = Tagger()
    model.head = nn.Linear(16, 5)
    ids, following = tokens()
    return training(model, data=(ids, following % 5))


@sound
def untied_by_configuration():
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=20, n_embd=16, n_layer=1, n_head=2, n_positions=16, bos_token_id=0, eos_token_id=0, tie_word_embeddings=False
    )
    model = GPT2LMHeadModel(config)
    ids, _ = tokens()
    batches = [{"input_ids": ids[i : i + 16], "labels": ids[i : i + 16]} for i in range(0, 64, 16)]
    return TrainingSetup(model=model, optimizer=torch.optim.AdamW(model.parameters(), lr=1e-3), train_loader=batches)


# -- ND205: nothing between -----------------------------------------------------------------------------------


@patient("ND205", where="fc1")
def three_layers_without_activations(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2, self.fc3 = nn.Linear(64, 48), nn.Linear(48, 32), nn.Linear(32, 10)

        def forward(self, x):
            x = self.fc1(x) if sick else self.fc1(x).relu()
            x = F.dropout(x, 0.1, self.training)
            x = self.fc2(x) if sick else self.fc2(x).relu()
            return self.fc3(x)

    return training(Net())


@patient("ND205", where="conv1 → conv2")
def convolutions_without_activations(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.norm1 = nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8)
            self.conv2, self.norm2 = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
            self.head = nn.Linear(8 * 16, 10)

        def forward(self, x):
            x = self.norm1(self.conv1(x))
            x = x if sick else x.relu()
            x = self.norm2(self.conv2(x)).relu()
            return self.head(F.max_pool2d(x, 2).flatten(1))

    return training(Net(), data=images())


@patient("ND205", where="0 → 1")
def one_activation_forgotten_in_a_sequence(sick):
    between = [] if sick else [nn.GELU()]
    return training(nn.Sequential(nn.Linear(64, 32), *between, nn.Linear(32, 32), nn.GELU(), nn.Linear(32, 10)))


@patient("ND205", where="w1")
def weights_multiplied_by_hand(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.w1, self.w2, self.w3 = (nn.Parameter(torch.randn(n, m) / n**0.5) for n, m in ((16, 32), (32, 32), (32, 1)))
            self.b1, self.b2 = nn.Parameter(torch.zeros(32)), nn.Parameter(torch.zeros(32))

        def forward(self, x):
            x = x @ self.w1 + self.b1
            x = x if sick else torch.tanh(x)
            x = x @ self.w2 + self.b2
            x = x if sick else torch.tanh(x)
            return (x @ self.w3).squeeze(1)

    return training(Net(), nn.MSELoss(), quantities())


@patient("ND205", where="layers")
def activation_built_and_not_called(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            widths = [64, 64, 64, 64]
            self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:], strict=False))
            self.act, self.head = nn.ReLU(), nn.Linear(64, 10)

        def forward(self, x):
            for layer in self.layers:
                x = layer(x) if sick else self.act(layer(x))
            return self.head(x)

    return training(Net())


# -- ND205: linear on purpose ---------------------------------------------------------------------------------


@sound
def low_rank_factors():
    return training(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8, bias=False), nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 10)))


@sound
def separable_convolutions():
    def block(before, after):
        return nn.Sequential(nn.Conv2d(before, before, 3, padding=1, groups=before), nn.Conv2d(before, after, 1), nn.ReLU())

    return training(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), block(4, 8), block(8, 8), nn.Flatten(), nn.Linear(288, 10)), data=images())


@sound
def linear_autoencoder():
    inputs, _ = features()
    return training(nn.Sequential(nn.Linear(64, 16), nn.Linear(16, 64)), nn.MSELoss(), data=(inputs, inputs))


@sound
def projection_then_attention_then_head():
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.lift, self.head = nn.Linear(8, 16), nn.Linear(16, 10)
            self.query, self.key, self.value, self.out = (nn.Linear(16, 16) for _ in range(4))

        def forward(self, x):
            x = self.lift(x.view(-1, 8, 8))
            weights = (self.query(x) @ self.key(x).mT / 4).softmax(-1)
            return self.head(self.out(weights @ self.value(x)).mean(1))

    return training(Attends())


@sound
def projection_before_a_head():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk, self.project, self.classify = mlp(64, 32), nn.Linear(32, 24), nn.Linear(24, 10)

        def forward(self, x):
            return self.classify(self.project(self.trunk(x).relu()))

    return training(Net())


@sound
def deep_linear_network_on_purpose():
    class DeepLinear(nn.Module):
        """A linear network, to study how depth changes the way of gradient descent."""

        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10))

        def forward(self, x):
            return self.layers(x)

    return training(DeepLinear())


@sound
def factored_convolutions():
    layers = nn.Conv2d(1, 8, (1, 3)), nn.Conv2d(8, 8, (3, 1)), nn.BatchNorm2d(8), nn.ReLU()
    return training(nn.Sequential(*layers, nn.Flatten(), nn.Linear(288, 10)), data=images())


@sound
def patches_then_blocks():
    class Mixer(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch1, self.conv2 = nn.Conv2d(1, 8, 2, stride=2), nn.Conv2d(8, 8, 3, padding=1)
            self.head = nn.Linear(128, 10)

        def forward(self, x):
            x = self.patch1(x)
            return self.head((x + self.conv2(x).relu()).flatten(1))

    return training(Mixer(), data=images())


# -- ND302: the future ----------------------------------------------------------------------------------------


class Attentive(nn.Module):
    """One attention block over tokens, causal or not."""

    def __init__(self, causal, vocabulary=20, width=16):
        super().__init__()
        self.causal = causal
        self.embed, self.head = nn.Embedding(vocabulary, width), nn.Linear(width, vocabulary)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, ids):
        x = self.embed(ids)
        scores = self.query(x) @ self.key(x).mT / x.shape[-1] ** 0.5
        if self.causal:
            scores = scores.masked_fill(torch.ones_like(scores[0]).triu(1).bool(), float("-inf"))
        return self.head(x + scores.softmax(-1) @ self.value(x)).mT


@patient("ND302", where="softmax")
def attention_without_a_mask(sick):
    return training(Attentive(causal=not sick), data=tokens())


@patient("ND302", where="rnn")
def bidirectional_recurrence(sick):
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn = nn.Embedding(20, 16), nn.LSTM(16, 16, batch_first=True, bidirectional=sick)
            self.head = nn.Linear(32 if sick else 16, 20)

        def forward(self, ids):
            return self.head(self.rnn(self.embed(ids))[0]).flatten(0, 1)

    return training(Reads(), lambda outputs, targets: F.cross_entropy(outputs, targets.flatten()), tokens())


@patient("ND302", where="blocks")
def encoder_called_without_its_mask(sick):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
            self.embed, self.blocks, self.head = nn.Embedding(20, 16), nn.TransformerEncoder(layer, 1), nn.Linear(16, 20)

        def forward(self, ids, targets=None):
            mask = None if sick else nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
            return self.head(self.blocks(self.embed(ids), mask=mask))

    def batch_loss(setup, batch):
        ids = torch.cat([batch[0], batch[1][:, -1:]], 1)
        logits = setup.model(ids[:, :-1])
        return F.cross_entropy(logits.reshape(-1, 20), ids[:, 1:].reshape(-1))

    return training(Model(), data=tokens(), batch_loss=batch_loss)


def _series(samples=128, length=24):
    generator = torch.Generator().manual_seed(4)
    walk = torch.randn(samples, length + 1, generator=generator)
    for t in range(2, length + 1):
        walk[:, t] = 0.8 * walk[:, t - 1] - 0.5 * walk[:, t - 2] + 0.3 * walk[:, t]
    return walk[:, None, :-1], walk[:, None, 1:]


@patient("ND302", where="conv1d")
def convolution_that_is_padded_on_both_sides(sick):
    class Forecasts(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv1d(1, 8, 3), nn.Conv1d(8, 1, 3)

        def forward(self, x):
            sides = (1, 1) if sick else (2, 0)
            return self.second(F.pad(self.first(F.pad(x, sides)).relu(), sides))

    return training(Forecasts(), nn.MSELoss(), _series())


@patient("ND302", where="cross_entropy")
def targets_not_shifted(sick):
    ids, following = tokens()
    return training(Attentive(causal=True), data=(ids, ids if sick else following))


@patient("ND302", where="mean")
def mean_over_the_whole_sequence(sick):
    class Context(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 20)

        def forward(self, ids):
            x = self.embed(ids)
            steps = torch.arange(1, ids.shape[1] + 1)[:, None]
            context = x.mean(1, keepdim=True) if sick else x.cumsum(1) / steps
            return self.head((x + context).tanh()).mT

    return training(Context(), data=tokens())


# -- ND302: not autoregressive, or causal in its own way ------------------------------------------------------


@sound
def tagger_that_reads_both_ways():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn = nn.Embedding(20, 16), nn.GRU(16, 16, batch_first=True, bidirectional=True)
            self.head = nn.Linear(32, 3)

        def forward(self, ids):
            return self.head(self.rnn(self.embed(ids))[0]).mT

    ids, _ = tokens()
    return training(Reads(), data=(ids, ids % 3))


@sound
def masked_language_model():
    ids, _ = tokens()
    hidden = torch.rand(ids.shape, generator=torch.Generator().manual_seed(5)) < 0.3
    targets = ids.masked_fill(~hidden, -100)
    return training(Attentive(causal=False, vocabulary=21), data=(ids.masked_fill(hidden, 20), targets))


@sound
def denoising_of_tokens():
    ids, _ = tokens()
    noise = torch.rand(ids.shape, generator=torch.Generator().manual_seed(5)) < 0.2
    return training(Attentive(causal=False), data=(torch.where(noise, (ids + 7) % 20, ids), ids))


@sound
def autoencoder_of_tokens():
    class Rebuilds(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.code, self.grow, self.head = nn.Embedding(20, 8), nn.Linear(96, 4), nn.Linear(4, 96), nn.Linear(8, 20)

        def forward(self, ids):
            code = self.code(self.embed(ids).flatten(1)).tanh()
            return self.head(self.grow(code).relu().view(-1, 12, 8)).mT

    ids, _ = tokens()
    return training(Rebuilds(), data=(ids, ids))


@sound
def dilated_causal_convolutions():
    class Waves(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 16), nn.Conv1d(16, 20, 1)
            self.convolutions = nn.ModuleList(nn.Conv1d(16, 16, 2, padding=2**i, dilation=2**i) for i in range(3))

        def forward(self, ids):
            x = self.embed(ids).mT
            for convolve in self.convolutions:
                x = x + convolve(x)[..., : x.shape[-1]].relu()
            return self.head(x)

    return training(Waves(), data=tokens())


@sound
def recurrent_forecast_of_a_series():
    class Forecasts(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.GRU(1, 16, batch_first=True), nn.Linear(16, 1)

        def forward(self, x):
            return self.head(self.rnn(x.mT)[0]).mT

    return training(Forecasts(), nn.MSELoss(), _series())


@sound
def prefix_seen_both_ways():
    class Prefix(Attentive):
        def forward(self, ids):
            x, steps = self.embed(ids), torch.arange(ids.shape[1])
            hidden = (steps[None] > steps[:, None]) & (steps[None] >= 5)
            scores = (self.query(x) @ self.key(x).mT / 4).masked_fill(hidden, float("-inf"))
            return self.head(x + scores.softmax(-1) @ self.value(x)).mT

    ids, following = tokens()
    targets = following.clone()
    targets[:, :4] = -100  # the prefix is given
    return training(Prefix(causal=True), data=(ids, targets))


@sound
def denoising_of_a_series():
    class Smooths(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv1d(1, 8, 5, padding=2), nn.Conv1d(8, 1, 5, padding=2)

        def forward(self, x):
            return self.second(self.first(x).relu())

    clean, _ = _series()
    return training(Smooths(), nn.MSELoss(), (clean + 0.1 * torch.randn(clean.shape), clean))


# -- ND405: which way the loss pulls --------------------------------------------------------------------------


@patient("ND405", where="cross_entropy")
def minus_before_the_loss(sick):
    def loss_fn(outputs, targets):
        loss = F.cross_entropy(outputs, targets)
        return -loss if sick else loss

    return training(mlp(), loss_fn)


@patient("ND405", where="mse_loss")
def one_minus_the_error(sick):
    def loss_fn(outputs, targets):
        error = F.mse_loss(outputs.squeeze(1), targets)
        return 1 - error if sick else error

    return training(mlp(16, 1), loss_fn, quantities())


@patient("ND405", where="catalogue.py")
def minus_of_the_likelihood_forgotten(sick):
    def loss_fn(outputs, targets):
        picked = F.log_softmax(outputs, dim=1)[torch.arange(len(targets)), targets]
        return picked.mean() if sick else -picked.mean()

    return training(mlp(), loss_fn)


@patient("ND405", where="catalogue.py")
def overlap_minimised(sick):
    inputs, _ = images()
    masks = (F.avg_pool2d(inputs, 3, 1, 1) > 0.5).float()

    def dice_loss(outputs, targets):
        p = outputs.sigmoid()
        dice = (2 * (p * targets).sum() + 1) / (p.sum() + targets.sum() + 1)
        return dice if sick else 1 - dice

    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
    return training(model, dice_loss, (inputs, masks))


@patient("ND405", where="cross_entropy")
def optimizer_that_goes_uphill(sick):
    model = mlp()
    return training(model, optimizer=torch.optim.Adam(model.parameters(), lr=1e-2, maximize=sick))


@patient("ND405", where="binary_cross_entropy")
def targets_first(sick):
    inputs, targets = features()

    def loss_fn(outputs, targets):
        outputs = outputs.sigmoid()
        return F.binary_cross_entropy(targets, outputs) if sick else F.binary_cross_entropy(outputs, targets)

    return training(mlp(64, 1, nn.Flatten(0)), loss_fn, (inputs, (targets > 4).float()))


@patient("ND405", where="kl_div")
def divergence_the_wrong_way_round(sick):
    inputs, targets = features()

    def loss_fn(outputs, targets):
        logs = outputs.log_softmax(1)
        return F.kl_div(targets, logs, reduction="batchmean") if sick else F.kl_div(logs, targets, reduction="batchmean")

    return training(mlp(), loss_fn, (inputs, F.one_hot(targets, 10).float() * 0.9 + 0.01))


@patient("ND405", where="kl_div")
def distilled_the_wrong_way_round(sick):
    teacher = mlp().requires_grad_(False)

    def batch_loss(setup, batch):
        logs, wanted = setup.model(batch[0]).log_softmax(1), teacher(3 * batch[0]).softmax(1)
        return F.kl_div(wanted, logs, reduction="batchmean") if sick else F.kl_div(logs, wanted, reduction="batchmean")

    return training(mlp(), batch_loss=batch_loss)


@sound
def reverse_divergence_to_a_network():
    teacher = mlp().requires_grad_(False)

    def batch_loss(setup, batch):
        logs = setup.model(batch[0]).log_softmax(1)
        return F.kl_div(teacher(3 * batch[0]).log_softmax(1), logs, log_target=True, reduction="batchmean")

    return training(mlp(), batch_loss=batch_loss)


@patient("ND405", where="mse_loss")
def sum_with_a_rate_for_the_mean(sick):
    model = mlp(16, 1, nn.Flatten(0))
    loss_fn = nn.MSELoss(reduction="sum" if sick else "mean")
    return training(model, loss_fn, quantities(), optimizer=torch.optim.SGD(model.parameters(), lr=0.1))


# -- ND405: negative, summed, adversarial, and right ----------------------------------------------------------


@sound
def summed_loss_with_adam():
    return training(mlp(16, 1, nn.Flatten(0)), nn.MSELoss(reduction="sum"), quantities())


@sound
def summed_loss_with_a_small_rate():
    model = mlp(16, 1, nn.Flatten(0))
    return training(model, nn.MSELoss(reduction="sum"), quantities(), optimizer=torch.optim.SGD(model.parameters(), lr=1e-3))


@sound
def negated_twice():
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, maximize=True)
    return training(model, lambda outputs, targets: -F.cross_entropy(outputs, targets), optimizer=optimizer)


@sound
def cross_entropy_of_negative_distances():
    class Prototypes(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.prototypes = mlp(64, 16), nn.Parameter(torch.randn(10, 16))

        def forward(self, x):
            return torch.cdist(self.net(x), self.prototypes)

    return training(Prototypes(), lambda distances, targets: F.cross_entropy(-distances, targets))


@sound
def contrastive_loss_of_pairs():
    class Pairs(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(32, 8)

        def forward(self, x):
            return (self.net(x[:, :32]) - self.net(x[:, 32:])).norm(dim=1)

    def loss_fn(distances, same):
        return (same * distances**2 + (1 - same) * F.relu(4 - distances) ** 2).mean()

    inputs, targets = features()
    return training(Pairs(), loss_fn, (inputs, (targets > 4).float()))


@sound
def overlap_maximised():
    inputs, _ = images()
    masks = (F.avg_pool2d(inputs, 3, 1, 1) > 0.5).float()

    def loss_fn(outputs, targets):
        p = outputs.sigmoid()
        return -(2 * (p * targets).sum() + 1) / (p.sum() + targets.sum() + 1)

    return training(nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1)), loss_fn, (inputs, masks))


@sound
def domain_confusion():
    class Domains(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.task, self.domain = nn.Linear(64, 32), nn.Linear(32, 10), nn.Linear(32, 10)

        def forward(self, x):
            hidden = self.body(x).relu()
            return self.task(hidden), self.domain(hidden)

    def loss_fn(outputs, targets):
        return F.cross_entropy(outputs[0], targets) - 0.1 * F.cross_entropy(outputs[1], targets.flip(0)).clamp_max(3)

    return training(Domains(), loss_fn)


@sound
def perturbation_against_a_frozen_model():
    class Adversary(nn.Module):
        def __init__(self):
            super().__init__()
            self.victim, self.noise = mlp().requires_grad_(False), nn.Parameter(0.01 * torch.randn(64))

        def forward(self, x):
            return self.victim(x + self.noise.tanh())

    model = Adversary()
    loss_fn = lambda outputs, targets: -F.cross_entropy(outputs, targets)  # noqa: E731
    return training(model, loss_fn, optimizer=torch.optim.Adam([model.noise], lr=1e-2))


@sound
def policy_gradient_with_costs():
    inputs, actions = features()
    costs = torch.rand(256, generator=torch.Generator().manual_seed(6)) + 0.1

    def batch_loss(setup, batch):
        states, chosen, cost = batch
        taken = F.log_softmax(setup.model(states), 1).gather(1, chosen[:, None]).squeeze(1)
        return (cost * taken).mean()

    return training(mlp(), batch_loss=batch_loss, train_loader=loader(inputs, actions, costs))


@sound
def reverse_divergence_to_a_teacher():
    inputs, targets = features()
    logs = (F.one_hot(targets, 10) * 3.0).log_softmax(1)

    def loss_fn(outputs, targets):
        return F.kl_div(targets, outputs.log_softmax(1), log_target=True, reduction="batchmean")

    return training(mlp(), loss_fn, (inputs, logs))


# -- ND505: a Function's backward, seen by a checkup -----------------------------------------------------------


class Softsign(torch.autograd.Function):
    """x / (1 + |x|)."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x / (1 + x.abs())

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient / (1 + x.abs()) ** 2


class Forgets(Softsign):
    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient / (1 + x.abs())


class Rounds(torch.autograd.Function):
    """Rounds, and lets gradients through."""

    @staticmethod
    def forward(ctx, x):
        return (4 * x).round() / 4

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Reverses(torch.autograd.Function):
    """Nothing on the way there, a minus on the way back."""

    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -0.1 * gradient


class Activated(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.body, self.head, self.function = nn.Linear(64, 32), nn.Linear(32, 10), function

    def forward(self, x):
        return self.head(self.function.apply(self.body(x)))


@patient("ND505", where="Forgets.backward")
def square_forgotten_in_a_backward(sick):
    return training(Activated(Forgets if sick else Softsign))


@sound
def straight_through_function():
    return training(nn.Sequential(nn.Linear(64, 64), nn.Tanh(), Activated(Rounds)))


@sound
def gradient_reversal_function():
    class Domains(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.task, self.domain = nn.Linear(64, 32), nn.Linear(32, 10), nn.Linear(32, 2)

        def forward(self, x):
            hidden = self.body(x).relu()
            return self.task(hidden), self.domain(Reverses.apply(hidden))

    def loss_fn(outputs, targets):
        return F.cross_entropy(outputs[0], targets) + F.cross_entropy(outputs[1], targets % 2)

    return training(Domains(), loss_fn)
