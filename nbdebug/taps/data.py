"""Taps of what comes from outside: the batches of a loader, and states that are taken or put back."""

from __future__ import annotations

import contextlib
import functools
import sys
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader
from torch.utils.data import dataloader as loaders

from nbdebug.taps.making import Tapping, argument, get_ident, now


class Data(Tapping):
    """Loaders and states."""

    def _loaders(self, stack: contextlib.ExitStack) -> None:
        begin, following = DataLoader.__iter__, loaders._BaseDataLoaderIter.__next__
        whose: dict[int, tuple[Any, Any]] = {}  # id of an iterator → itself and its loader; the last few
        score = self._score

        @functools.wraps(begin)
        def watched_begin(loader: Any) -> Any:
            iterator = begin(loader)
            if self._heard():
                if len(whose) > 8:
                    whose.pop(next(iter(whose)))
                whose[id(iterator)] = (iterator, loader)
                self._listener.epoch(loader, sys._getframe(1))
            return iterator

        @functools.wraps(following)
        def watched_next(iterator: Any) -> Any:
            known = whose.get(id(iterator))
            if known is None or known[0] is not iterator or (score.comes is None and not self._heard()):
                return following(iterator)
            started = now()
            batch = following(iterator)
            came, comes = now(), score.comes
            if comes is not None and comes.key == id(known[1]) and get_ident() == self._thread:
                try:
                    if comes.begins is None or comes.begins(sys._getframe(1)):
                        score.comes = comes.next
                        comes.tell(batch, started, came)
                        return batch
                except Exception as error:
                    score.failed(error)
                    return batch
            if comes is None or self._heard():
                self._listener.batch(known[1], batch, came - started, sys._getframe(1))
            return batch

        stack.callback(whose.clear)
        self._put(DataLoader, "__iter__", watched_begin)
        self._put(loaders._BaseDataLoaderIter, "__next__", watched_next)

    def _states(self, stack: contextlib.ExitStack) -> None:
        self._outermost(nn.Module, "state_dict", None, lambda m, given: self._listener.state(m, given, sys._getframe(2)))

    def _loads(self, stack: contextlib.ExitStack) -> None:
        for owner in (nn.Module, Optimizer):
            original = owner.load_state_dict

            def load(owner_: Any, given: Any, *args: Any, _original: Any = original, **kwargs: Any) -> Any:
                answer = _original(owner_, given, *args, **kwargs)
                if not self._busy and self._heard():
                    self._listener.load(owner_, given, answer, bool(argument(args, kwargs, 1, "assign", False)), sys._getframe(1))
                return answer

            self._put(owner, "load_state_dict", functools.wraps(original)(load))
