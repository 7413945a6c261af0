"""Columns of very many codes, brought to tokens before a mixture learns them: its tables have a row for each code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from models.columns.groups import Groups, rows_of
from models.encoding import Allowed, Encoded, Span
from models.states import part, prefixed

__all__ = ["Grouping"]


@dataclass(frozen=True, slots=True)
class Grouping:
    """The groups of those columns whose codes do not stand alone.

    Args:
        spans: of the table in tokens.
        groups: by the column's place among the codes.
    """

    spans: tuple[Span, ...]
    groups: Mapping[int, Groups]

    @classmethod
    def of(cls, spans: Sequence[Span], x: Encoded) -> Self:
        """Return the grouping of the codes in (N,) rows."""
        found = {span.code: Groups.of(rows_of(x.codes[:, span.code], span.size)) for span in spans}
        groups = {code: each for code, each in found.items() if not each.alone}
        sized = (replace(span, size=groups[span.code].count) if span.code in groups else span for span in spans)
        return cls(tuple(sized), groups)

    def merge(self, x: Encoded) -> Encoded:
        """Return (N,) rows with tokens for codes."""
        return self._changed(x, {code: each.tokens(x.codes[:, code]) for code, each in self.groups.items()})

    def part(self, x: Encoded, *, generator: torch.Generator) -> Encoded:
        """Return (n,) rows with codes, drawn by their frequencies, for tokens."""
        drawn = {code: each.codes(x.codes[:, code], generator=generator) for code, each in self.groups.items()}
        return self._changed(x, drawn)

    def allowed(self, allowed: Sequence[Allowed | None]) -> list[Allowed | None]:
        """Return what is allowed of each column in tokens: of a group, the share of its codes."""
        found = list(allowed)
        for code, each in self.groups.items():
            if (own := found[code]) is not None:
                found[code] = replace(own, codes=each.share(torch.from_numpy(own.codes)).numpy())
        return found

    def within(self, allowed: Sequence[Allowed | None]) -> Self:
        """Return the grouping whose tokens stand for allowed codes alone."""
        asked = {code: each for code, each in enumerate(allowed) if each is not None and code in self.groups}
        groups = {code: self.groups[code].within(torch.from_numpy(each.codes)) for code, each in asked.items()}
        return replace(self, groups={**self.groups, **groups})

    def log_share_of(self, x: Encoded) -> Tensor:
        """Return the (N,) log-probabilities of the codes of (N,) rows given their tokens."""
        shares = [each.log_share_of(x.codes[:, code]) for code, each in self.groups.items()]
        return torch.stack([torch.zeros(len(x), device=x.codes.device), *shares]).sum(0)

    def state(self) -> dict[str, Tensor]:
        """Return the groups as tensors by name."""
        kept = {code: {"token": each.token, "log_share": each.log_share} for code, each in self.groups.items()}
        return {name: tensor for code, own in kept.items() for name, tensor in prefixed(f"groups.{code}", own).items()}

    @classmethod
    def from_state(cls, tensors: Mapping[str, Tensor], spans: Sequence[Span]) -> Self:
        """Return the grouping that `state` described, of a table with the given spans in tokens."""
        own = {span.code: part(f"groups.{span.code}", tensors) for span in spans}
        return cls(tuple(spans), {code: Groups(**named) for code, named in own.items() if named})

    @staticmethod
    def _changed(x: Encoded, columns: Mapping[int, Tensor]) -> Encoded:
        """Return the rows with other codes in some columns."""
        if not columns:
            return x
        codes = x.codes.clone()
        for code, column in columns.items():
            codes[:, code] = column
        return Encoded(codes, x.values)
