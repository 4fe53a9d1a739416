"""Are the samples of one make: sizes, layouts, lengths, vocabulary, annotations, empty and broken ones?"""

from nbdebug.data.structure.structure import StructureLook, structure

__all__ = ["StructureLook", "structure"]
