"""The values of tensors put aside, and written back in place: every reference, tie and view stays what it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.autograd import _unsafe_preserve_version_counter

from nbdebug.errors import first_line
from nbdebug.untouched.aside import copy_memory, same

PLAIN = (torch.Tensor, torch.nn.Parameter)


class Copies:
    """Copies of these tensors, each object once.

    Args:
        versions: whether `restore` also puts the version counters back, so that a graph that was made before the copy can still
            be walked. What was made between copy and restore is then refused by autograd, as it should be.
    """

    def __init__(self, tensors: Iterable[Tensor], *, versions: bool = False) -> None:
        self._keeps_versions = versions
        self.limits: list[str] = []  # what cannot be put back, in sentences
        self._given = list({id(t): t for t in tensors}.values())
        readable = [t for t in self._given if not t.is_meta]
        self._plain = [t for t in readable if _is_plain(t)]
        self._places = [_place(t) for t in self._plain]
        self._addresses = [place[0] for place in self._places]
        self._odd = [t for t in readable if not _is_plain(t)]
        self._counted = [t for t in self._given if versions and not t.is_inference()]
        self._versions = [_unsafe_preserve_version_counter(t) for t in self._counted]
        with torch.no_grad():
            self._sources = [_source(t) for t in self._plain]
            self._copies = copy_memory(self._sources)
            self._odd_copies = [t.detach().clone() for t in self._odd]

    def renew(self, tensors: list[Tensor]) -> Copies:
        """The values as they are now: into the same memory when these are the same tensors in the same place, else into new."""
        if self._odd or not same(tensors, self._given) or list(map(Tensor.data_ptr, self._plain)) != self._addresses:
            return Copies(tensors, versions=self._keeps_versions)
        self._versions = [_unsafe_preserve_version_counter(t) for t in self._counted]
        if self._copies:
            with torch.no_grad():
                torch._foreach_copy_(self._copies, self._sources)
        return self

    def restore(self) -> None:
        """Writes every value back, wherever the tensor lies now."""
        torch.clear_autocast_cache()  # it may hold casts of what is overwritten
        with torch.no_grad():
            for tensor, place, copy in zip(self._plain, self._places, self._copies, strict=True):
                if _place(tensor)[1:] != place[1:]:  # it was given another shape or device
                    tensor.data = _alike(tensor, place, copy)
                else:
                    _source(tensor).copy_(copy)
            for tensor, copy in zip(self._odd, self._odd_copies, strict=True):
                self.limits += [said for said in (write_values(tensor, copy),) if said]
        for version in self._versions:
            version.__exit__(None, None, None)

    def saved(self) -> dict[int, Tensor]:
        """id of each tensor → its values, in a tensor of its own."""
        plain = zip(self._plain, self._places, self._copies, strict=True)
        odd = zip(self._odd, self._odd_copies, strict=True)
        return {id(t): _alike(t, place, copy) for t, place, copy in plain} | {id(t): copy.clone() for t, copy in odd}


def write_values(tensor: Tensor, values: Tensor) -> str:
    """Writes into a tensor of any kind, in place and without history; what is returned says why it could not be done."""
    if tensor.is_meta:
        return ""
    try:
        with torch.no_grad(), torch.inference_mode() if tensor.is_inference() else contextlib.nullcontext():
            try:
                tensor.copy_(values)  # of a sparse one detach() would be another
            except (RuntimeError, NotImplementedError):  # a sparse one with another number of entries
                tensor.data = values.clone()
    except (RuntimeError, NotImplementedError, TypeError) as error:
        return f"a {type(tensor).__name__} of shape {tuple(tensor.shape)} could not be written: {first_line(error)}"
    return ""


Place = tuple[int, torch.Size, tuple[int, ...], int, torch.dtype, torch.device]


def _place(tensor: Tensor) -> Place:
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.storage_offset(), tensor.dtype, tensor.device


def _is_plain(tensor: Tensor) -> bool:
    strided = type(tensor) in PLAIN and tensor.layout == torch.strided and not tensor.is_nested
    return strided and not (tensor.is_quantized or tensor.is_inference())


def _source(tensor: Tensor) -> Tensor:
    """What is copied: the tensor without its history; where its elements share memory with one another, that memory."""
    values = tensor.data
    if torch._debug_has_internal_overlap(values) == 0 and not (values.is_conj() or values.is_neg()):
        return values
    memory = values.untyped_storage()
    return torch.empty(0, dtype=torch.uint8, device=values.device).set_(memory, 0, (memory.nbytes(),))


def _alike(tensor: Tensor, place: Place, copy: Tensor) -> Tensor:
    """A fresh tensor with the values of a copy, in the shape that was copied."""
    _, shape, stride, offset, dtype, _ = place
    if copy.dtype == dtype and copy.shape == shape:
        return copy.clone()
    values = torch.empty(0, dtype=dtype, device=copy.device).set_(copy.untyped_storage(), offset, shape, stride)
    values = values.conj() if tensor.is_conj() else values
    return (torch._neg_view(values) if tensor.is_neg() else values).clone()
