"""Whatever a user has, made into something that gives batches."""

from nbdebug.data.sources.source import Source, as_source

__all__ = ["Source", "as_source"]
