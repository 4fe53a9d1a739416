"""What a model hears of its inputs, and whether it runs on all of them: one input of several, the order of a sequence, the last batch."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tests.patients import patient, sound
from tests.patients.parts import features, loader, mlp, quantities, tokens, training

# -- ND303: one of several inputs -----------------------------------------------------------------------------


class Hours(nn.Module):
    """A table of hours beside columns; `index` makes the row from the share of the day."""

    def __init__(self, index):
        super().__init__()
        self.index = index
        self.hours, self.net = nn.Embedding(24, 4), mlp(20, 1, nn.Flatten(0))

    def forward(self, x, clock):
        return self.net(torch.cat([x, self.hours(self.index(clock))], 1))


def clocked():
    inputs, target = quantities()
    clock = torch.rand(len(inputs))
    return inputs, clock, target + torch.sin(6.28 * clock)


@patient("ND303", where="input clock")
def share_of_a_day_cut_to_a_whole_number(sick):
    return training(Hours(lambda clock: clock.long() if sick else (clock * 24).long()), nn.MSELoss(), clocked())


@patient("ND303", where="batch['price']")
def norm_of_a_single_column(sick):
    class Prices(nn.Module):
        def __init__(self):
            super().__init__()
            self.price = nn.Sequential(nn.LayerNorm(1) if sick else nn.Identity(), nn.Linear(1, 8), nn.ReLU())
            self.rest = mlp(16, 8)
            self.head = nn.Linear(16, 1)

        def forward(self, batch):
            return self.head(torch.cat([self.price(batch["price"]), self.rest(batch["rest"])], 1)).squeeze(1)

    inputs, target = quantities()
    price = torch.randn(len(inputs), 1)
    rows = [{"price": p, "rest": r, "y": y} for p, r, y in zip(price, inputs, target + price[:, 0], strict=True)]
    given = DataLoader(rows, batch_size=32, shuffle=True)
    return training(Prices(), train_loader=given, batch_loss=lambda setup, batch: F.mse_loss(setup.model(batch), batch["y"]))


@sound
def words_fed_back_in_training_alone():
    class Writes(nn.Module):
        def __init__(self):
            super().__init__()
            self.lift, self.word, self.head = nn.Linear(16, 32), nn.Linear(1, 32), nn.Linear(32, 1)

        def forward(self, x, before):
            hidden = self.lift(x)
            said = before if self.training else self.head(hidden.relu()).detach()
            return self.head((hidden + self.word(said)).relu()).squeeze(1)

    inputs, target = quantities()
    return training(Writes(), nn.MSELoss(), (inputs, torch.randn(len(inputs), 1), target))


@sound
def an_event_that_few_rows_have():
    class Storms(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(17, 1, nn.Flatten(0))

        def forward(self, x, wind):
            return self.net(torch.cat([x, (wind > 1.5).float()[:, None]], 1))

    inputs, target = quantities()
    wind = torch.randn(len(inputs))
    return training(Storms(), nn.MSELoss(), (inputs, wind, target + 3 * (wind > 1.5)))


@sound
def lengths_that_only_cut_the_padding():
    class Cuts(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.net = nn.Embedding(20, 16, padding_idx=0), mlp(16, 20)

        def forward(self, ids, lengths):
            return self.net(self.words(ids[:, : int(lengths.max())]).sum(1))

    ids, following = tokens()
    lengths = torch.randint(4, 13, (len(ids),))
    ids = torch.where(torch.arange(12) < lengths[:, None], ids, 0)
    return training(Cuts(), data=(ids, lengths, following[:, 0]))


@sound
def a_second_input_behind_a_gate_of_zero():
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.side = mlp(16, 1), nn.Linear(4, 1)
            self.gate = nn.Parameter(torch.zeros(1))

        def forward(self, x, more):
            return (self.net(x) + self.gate * self.side(more)).squeeze(1)

    inputs, target = quantities()
    return training(Gated(), nn.MSELoss(), (inputs, torch.randn(len(inputs), 4), target))


@patient("ND303", "ND206", where="self.second(")
def layer_given_zeros(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.head = nn.Linear(64, 32), nn.Linear(32, 32), nn.Linear(32, 10)

        def forward(self, x):
            hidden = self.first(x).relu()
            return self.head(self.second(torch.zeros(len(x), 32) if sick else hidden).relu())

    return training(Net())


# -- ND303: the order -----------------------------------------------------------------------------------------


class Judges(nn.Module):
    """Attention over tokens, a mean, a head; `where` puts the positions in."""

    def __init__(self, where, learnt=True):
        super().__init__()
        self.where = where
        self.words, self.mix = nn.Embedding(20, 16), nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.head = nn.Linear(16, 20)
        if learnt:
            self.pos = nn.Embedding(12, 16)
        else:
            self.register_buffer("pe", torch.randn(12, 16))

    def forward(self, ids):
        return self.head(self.mix(self.where(self, ids)).mean(1))


def ordered():
    ids, _ = tokens()
    ids = ids[:, torch.randperm(12)]
    return ids, ids[:, 3]


@patient("ND303", where="pos")
def one_row_for_all_positions(sick):
    def where(model, ids):
        return model.words(ids) + model.pos(torch.zeros_like(ids) if sick else torch.arange(12).expand_as(ids))

    return training(Judges(where), data=ordered())


@patient("ND303", where="pe")
def waves_that_were_never_added(sick):
    return training(Judges(lambda model, ids: model.words(ids) if sick else model.words(ids) + model.pe, learnt=False), data=ordered())


@sound
def positions_that_begin_at_zero():
    class Begins(Judges):
        def __init__(self):
            super().__init__(lambda model, ids: model.words(ids) + model.pos.weight)
            nn.init.zeros_(self.pos.weight)

    return training(Begins(), data=ordered())


@sound
def parts_of_speech_in_a_bag():
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.pos = nn.Embedding(20, 16), nn.Embedding(17, 16)
            self.head = nn.Linear(16, 20)

        def forward(self, ids, tags):
            return self.head((self.words(ids) + self.pos(tags)).mean(1).relu())

    ids, target = ordered()
    return training(Bag(), data=(ids, torch.randint(0, 17, ids.shape), target))


class Frames(nn.Module):
    """Attention over frames (N, 12, 4), with positions or without."""

    def __init__(self, places, classes=2):
        super().__init__()
        self.lift, self.mix = nn.Linear(4, 16), nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.places = nn.Parameter(torch.randn(12, 16) * 0.3) if places else 0.0
        self.head = nn.Linear(16, classes)

    def forward(self, x):
        return self.head(self.mix(self.lift(x) + self.places).mean(1))


def rising_or_falling(samples=160):
    """Twelve frames of four bands; a bump that rises or falls passes through the same bands."""
    generator = torch.Generator().manual_seed(3)
    falls = torch.randint(0, 2, (samples,), generator=generator)
    time = torch.linspace(0, 3, 12)
    middle = torch.where(falls[:, None] == 1, 3 - time, time)
    bumps = torch.exp(-((torch.arange(4) - middle[..., None]) ** 2)) + 0.1 * torch.randn(samples, 12, 4, generator=generator)
    return (bumps - bumps.mean()) / bumps.std(), falls


@patient("ND303", where="mix")
def attention_without_positions(sick):
    return training(Frames(not sick), data=rising_or_falling())


@patient("ND303", where="mix")
def patches_without_positions(sick):
    class Looks(nn.Module):
        def __init__(self):
            super().__init__()
            self.cut, self.mix = nn.Conv2d(1, 16, 2, stride=2), nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
            self.first = nn.Parameter(torch.randn(1, 1, 16))
            self.places = 0.0 if sick else nn.Parameter(torch.randn(16, 16) * 0.3)
            self.head = nn.Linear(16, 4)

        def forward(self, x):
            patches = self.cut(x).flatten(2).mT + self.places
            return self.head(self.mix(torch.cat([self.first.expand(len(x), 1, 16), patches], 1))[:, 0])

    generator = torch.Generator().manual_seed(4)
    corner = torch.randint(0, 4, (160,), generator=generator)
    pictures = 0.2 * torch.randn(160, 1, 8, 8, generator=generator)
    for picture, place in zip(pictures, corner, strict=True):
        picture[0, 4 * (place // 2) : 4 * (place // 2) + 4, 4 * (place % 2) : 4 * (place % 2) + 4] += 1
    return training(Looks(), data=((pictures - pictures.mean()) / pictures.std(), corner))


@sound
def attention_over_a_set():
    generator = torch.Generator().manual_seed(5)
    points = torch.randn(160, 12, 4, generator=generator)
    return training(Frames(False), data=(points, (points[..., 0].amax(1) > 1.6).long()))


@sound
def set_that_comes_sorted():
    generator = torch.Generator().manual_seed(6)
    points = torch.randn(160, 12, 4, generator=generator)
    points[..., 0] = points[..., 0].sort(1).values
    return training(Frames(False), data=(points, (points[:, 6, 0] > 0.1).long()))


@sound
def frames_that_carry_their_time():
    frames, falls = rising_or_falling()
    frames[..., 3] = torch.linspace(-1.6, 1.6, 12)
    return training(Frames(False), data=(frames, falls))


# -- ND303: one column of a table -----------------------------------------------------------------------------


class Looked(nn.Module):
    """Three columns of names, each with a table; `columns` says which column each is looked up by."""

    def __init__(self, *columns):
        super().__init__()
        self.columns = columns
        self.tables = nn.ModuleList(nn.Embedding(rows, 4) for rows in (10, 7, 3) * (len(columns) // 3))
        self.net = mlp(4 * len(columns), 1, nn.Flatten(0))

    def forward(self, names):
        return self.net(torch.cat([table(names[:, column]) for table, column in zip(self.tables, self.columns, strict=True)], 1))


def named():
    generator = torch.Generator().manual_seed(7)
    names = torch.stack([torch.randint(0, rows, (160,), generator=generator) for rows in (10, 7, 3)], 1)
    target = sum(torch.randn(rows, generator=generator)[column] for rows, column in zip((10, 7, 3), names.T, strict=True))
    return names, (target - target.mean()) / target.std()


@patient("ND303", where="tables.1")
def column_taken_for_another(sick):
    return training(Looked(0, 2 if sick else 1, 2), nn.MSELoss(), named())


@sound
def fields_looked_up_in_two_tables_each_beside_a_number_of_the_row():
    names, target = named()
    return training(Looked(0, 1, 2, 0, 1, 2), nn.MSELoss(), (torch.cat([names, torch.arange(160)[:, None] % 9], 1), target))


# -- ND504: a gradient that is lost in a later batch ----------------------------------------------------------


@patient("ND504", where="sqrt")
def length_of_a_row_of_zeros_in_a_later_batch(sick):
    class Measures(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale, self.net = nn.Parameter(torch.ones(64)), mlp(65)

        def forward(self, x):
            length = ((x * self.scale) ** 2).sum(1, keepdim=True)
            return self.net(torch.cat([x, (length if sick else length + 1e-8).sqrt()], 1))

    inputs, target = features(512)
    inputs[400] = 0
    return training(Measures(), train_loader=loader(inputs, target, shuffle=False))


# -- ND304: a competition of one ------------------------------------------------------------------------------


@patient("ND304", where="softmax")
def scores_of_one_unit_over_that_unit(sick):
    class Pools(nn.Module):
        def __init__(self):
            super().__init__()
            self.score, self.lift, self.head = nn.Linear(8, 1), nn.Linear(8, 16), nn.Linear(16, 10)

        def forward(self, x):
            x = x.view(-1, 8, 8)
            weights = self.score(x.tanh()).softmax(-1 if sick else 1)
            return self.head((weights * self.lift(x)).sum(1).relu())

    return training(Pools())


@patient("ND304", where="softmax")
def map_of_one_channel_over_its_channel(sick):
    class Looks(nn.Module):
        def __init__(self):
            super().__init__()
            self.score, self.lift, self.head = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 16, 3, padding=1), nn.Linear(16, 10)

        def forward(self, x):
            x = x.view(-1, 1, 8, 8)
            scores = self.score(x)
            weights = scores.softmax(1) if sick else scores.flatten(2).softmax(-1).view_as(scores)
            return self.head((weights * self.lift(x)).sum((2, 3)).relu())

    return training(Looks())


@sound
def attention_to_the_only_step_there_is():
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key, self.value, self.head = nn.Linear(64, 16), nn.Linear(64, 16), nn.Linear(64, 16), nn.Linear(80, 10)

        def forward(self, x):
            step = x[:, None]
            weights = (self.query(step) @ self.key(step).mT).softmax(-1)
            return self.head(torch.cat([x, (weights @ self.value(step))[:, 0]], 1))

    return training(Attends())


class Steps(nn.Module):
    """A loop over a recurrent cell."""

    def __init__(self, keeps):
        super().__init__()
        self.cell, self.head, self.keeps = nn.GRUCell(8, 16), nn.Linear(16, 10), keeps

    def forward(self, x):
        state = None
        for step in x.unbind(1):
            state = self.cell(step, state if self.keeps else None)
        return self.head(state)


@patient("ND303", where="cell")
def state_that_is_not_handed_on(sick):
    inputs, targets = features()
    return training(Steps(keeps=not sick), data=(inputs.view(-1, 8, 8), targets))


# -- ND302: the answer in the question ------------------------------------------------------------------------


class Reads(nn.Module):
    def __init__(self, hidden=8, outputs=1):
        super().__init__()
        self.gru, self.head = nn.GRU(1, 12, batch_first=True), nn.Linear(12, outputs)

    def forward(self, past):
        return self.head(self.gru(past)[1][0])


def windows(gap, ahead=1):
    series = torch.cumsum(torch.randn(300), 0)
    series = (series - series.mean()) / series.std()
    starts = range(260)
    past = torch.stack([series[i : i + 12, None] for i in starts])
    return past, torch.stack([series[i + 12 + gap : i + 12 + gap + ahead] for i in starts])


@patient("ND302", where="train_loader")
def window_that_ends_with_its_target(sick):
    past, target = windows(-1 if sick else 0)
    return training(Reads(), nn.MSELoss(), (past, target))


@patient("ND302", where="train_loader")
def horizon_that_lies_in_the_window_and_a_loss_written_out(sick):
    past, target = windows(-3 if sick else 0, ahead=3)
    return training(Reads(outputs=3), batch_loss=lambda setup, batch: (setup.model(batch[0]) - batch[1]).square().mean(), data=(past, target))


@sound
def pixel_that_the_model_hides_from_itself():
    class Fills(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(64, 1)
            self.register_buffer("seen", (torch.arange(64) != 27).float().view(1, 8, 8))

        def forward(self, x):
            return self.net((x * self.seen).flatten(1))

    inputs = F.avg_pool2d(torch.randn(256, 1, 10, 10), 3, 1)
    return training(Fills(), nn.MSELoss(), (inputs, inputs[:, 0, 3, 3:4]))


# -- ND312: batches of another size ---------------------------------------------------------------------------


def uneven(**options):
    inputs, targets = features(33 + 64)
    return DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True, **options)


@patient("ND312", where="heard.py")
def state_for_full_batches_only(sick):
    class Starts(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru, self.head = nn.GRU(8, 16, batch_first=True), nn.Linear(16, 10)

        def forward(self, x):
            start = x.new_zeros(1, 32 if sick else len(x), 16)
            return self.head(self.gru(x.view(-1, 8, 8), start)[1][0])

    inputs, targets = features(100)
    return training(Starts(), data=(inputs, targets))


@patient("ND312", where="1")
def batch_norm_and_a_last_batch_of_one(sick):
    return training(nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10)), train_loader=uneven(drop_last=not sick))


@patient("ND312", where="heard.py")
def validation_in_larger_batches(sick):
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, x):
            return self.net(x.view(32 if sick else -1, 64))

    inputs, targets = features(384)
    return training(Fixed(), data=(inputs[:256], targets[:256]), val_loader=loader(inputs[256:], targets[256:], batch_size=64))


# -- ND305: logits in -1..1 -----------------------------------------------------------------------------------


class Cosines(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.net, self.scale = mlp(64, 16), scale
        self.prototypes = nn.Parameter(torch.randn(10, 16))

    def forward(self, x):
        cosines = F.normalize(self.net(x), dim=1) @ F.normalize(self.prototypes, dim=1).T
        return cosines if self.scale is None else self.scale * cosines


@patient("ND305", where="matmul")
def cosines_that_nothing_scales(sick):
    return training(Cosines(None if sick else 8.0))


@patient("ND305", where="tanh")
def tanh_before_cross_entropy(sick):
    return training(mlp(64, 10, *([nn.Tanh()] if sick else [])))


@sound
def two_classes_behind_a_tanh_that_is_scaled():
    class Bounded(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(64, 10)

        def forward(self, x):
            return 8 * torch.tanh(self.net(x) / 8)

    return training(Bounded())


# -- ND205: linear however it hangs together ------------------------------------------------------------------


@patient("ND205", where="lift")
def residual_blocks_without_an_activation(sick):
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.lift, self.head = nn.Linear(64, 32), nn.Linear(32, 10)
            self.blocks = nn.ModuleList(nn.Linear(32, 32) for _ in range(3))

        def forward(self, x):
            x = self.lift(x)
            for block in self.blocks:
                x = x + (block(x) if sick else block(x).relu())
            return self.head(x)

    return training(Residual())


@patient("ND205", where="hidden = self.first(x)")
def neighbours_mixed_without_a_bend(sick):
    class Mixes(nn.Module):
        def __init__(self, before, after):
            super().__init__()
            self.lin = nn.Linear(before, after)
            self.register_buffer("near", (torch.eye(4) + torch.eye(4).roll(1, 0)) / 2)

        def forward(self, x):
            return self.near @ self.lin(x)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.third, self.head = Mixes(16, 16), Mixes(16, 16), Mixes(16, 16), nn.Linear(64, 10)
            self.bend = nn.Identity() if sick else nn.ReLU()

        def forward(self, x):
            x = x.view(-1, 4, 16)
            hidden = self.first(x)
            hidden = self.second(self.bend(hidden))
            hidden = self.third(self.bend(hidden))
            return self.head(self.bend(hidden).flatten(1))

    return training(Net())


@patient("ND205", where="leaky_relu")
def activations_of_slope_one(sick):
    class Slopes(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.head = nn.Linear(64, 32), nn.Linear(32, 32), nn.Linear(32, 10)

        def forward(self, x):
            slope = 1.0 if sick else 0.01
            return self.head(F.leaky_relu(self.second(F.leaky_relu(self.first(x), slope)), slope))

    return training(Slopes())


@sound
def sums_of_linear_terms():
    class Terms(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.ModuleList(nn.Linear(16, 10) for _ in range(4))

        def forward(self, x):
            return sum(part(columns) for part, columns in zip(self.parts, x.chunk(4, 1), strict=True))

    return training(Terms())


# -- ND201, ND202, ND307, ND311 -------------------------------------------------------------------------------


@patient("ND201", where="0.weight")
def widened_by_copies(sick):
    model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
    with torch.no_grad():
        rows = model[0].weight[:8].repeat(4, 1)
        model[0].weight.copy_(rows if sick else rows + 0.1 * torch.randn_like(rows))
        model[0].bias.zero_()
        model[2].weight.copy_(model[2].weight[:, :8].repeat(1, 4) / 4)
    return training(model)


@sound
def subpixels_that_begin_alike():
    class Enlarges(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(4, 1, 3, padding=1)
            with torch.no_grad():
                self.conv.weight.copy_(self.conv.weight[::4].repeat_interleave(4, 0))
                self.conv.bias.zero_()

        def forward(self, x):
            return self.head(F.pixel_shuffle(self.conv(x), 2).relu())

    small = torch.randn(64, 1, 8, 8)
    return training(Enlarges(), nn.MSELoss(), (small, F.interpolate(small, scale_factor=2, mode="bilinear")))


@patient("ND202", where="w3")
def weights_of_one_kept_with_inputs_first(sick):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            size = 1.0 if sick else 0.1
            self.w1, self.w2, self.w3 = (nn.Parameter(size * torch.randn(rows, columns)) for rows, columns in ((64, 100), (100, 100), (100, 3)))

        def forward(self, x):
            return torch.tanh(torch.tanh(x @ self.w1) @ self.w2) @ self.w3

    return training(Own(), data=features(256, 64, 3))


@patient("ND307", where="hardsigmoid")
def hard_gates_that_begin_shut(sick):
    class Highway(nn.Module):
        def __init__(self):
            super().__init__()
            self.lift, self.plain, self.gate, self.head = nn.Linear(64, 32), nn.Linear(32, 32), nn.Linear(32, 32), nn.Linear(32, 10)
            nn.init.constant_(self.gate.bias, -8.0 if sick else -1.0)

        def forward(self, x):
            x = self.lift(x).tanh()
            open_ = F.hardsigmoid(self.gate(x))
            return self.head(open_ * self.plain(x).relu() + (1 - open_) * x)

    return training(Highway())


@patient("ND311", where="heard.py")
def chance_of_an_event_by_one_minus_exp(sick):
    def loss_fn(outputs, happened):
        hazard = (outputs[:, 0] - 9).clamp(-25, 3).exp()
        chance = 1 - torch.exp(-hazard) if sick else -torch.expm1(-hazard)
        return -(happened * chance.log() - (1 - happened) * hazard).mean()

    inputs, targets = features()
    return training(mlp(64, 1), loss_fn, (inputs, (targets == 0).float()))


# -- ND305: what can be reached at all ------------------------------------------------------------------------


@patient("ND305", where="mul")
def stars_from_zero_to_three(sick):
    class Stars(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(16, 1)

        def forward(self, x):
            return (3 if sick else 6) * torch.sigmoid(self.net(x)).squeeze(1)

    inputs, target = quantities()
    return training(Stars(), nn.MSELoss(), (inputs, 2.5 + target.clamp(-2, 2)))


@patient("ND305", where="clamp")
def clamped_to_what_the_targets_are_not(sick):
    class Clamped(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(16, 1)

        def forward(self, x):
            return self.net(x).squeeze(1).clamp(0 if sick else -10, 10)

    return training(Clamped(), nn.MSELoss(), quantities())


@sound
def limited_wider_than_its_targets():
    class Limited(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(16, 1)

        def forward(self, x):
            return F.hardtanh(self.net(x), -8, 8).squeeze(1)

    return training(Limited(), nn.L1Loss(), quantities())


@sound
def noise_that_is_to_be_remembered():
    past = torch.randn(256, 8, 1)
    return training(Reads(), nn.MSELoss(), (past, past[:, 0]))


# -- ND206: worked out and dropped ----------------------------------------------------------------------------


@patient("ND206", where="cross")
def tower_whose_result_is_dropped(sick):
    class Towers(nn.Module):
        def __init__(self):
            super().__init__()
            self.cross, self.deep, self.head = mlp(64, 16), mlp(64, 16), nn.Linear(32, 10)

        def forward(self, x):
            cross, deep = self.cross(x), self.deep(x)
            return self.head(torch.cat([deep if sick else cross, deep], 1))

    return training(Towers())


@sound
def a_second_answer_that_is_kept_for_later():
    class Keeps(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head, self.side = nn.Linear(64, 32), nn.Linear(32, 10), nn.Linear(32, 4)

        def forward(self, x):
            hidden = self.body(x).relu()
            self.code = self.side(hidden)
            return self.head(hidden)

    return training(Keeps())
