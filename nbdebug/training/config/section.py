"""A part of the configuration: plain values that do not change once they are read."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """Frozen, and without room for names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False, hide_input_in_errors=True)

    word: ClassVar[str] = ""  # the field that a bare word stands for: `optimizer: adamw` is `optimizer: {type: adamw}`

    @model_validator(mode="before")
    @classmethod
    def _bare_word(cls, told: Any) -> Any:
        return {cls.word: told} if cls.word and isinstance(told, (str, int, float)) and not isinstance(told, bool) else told
