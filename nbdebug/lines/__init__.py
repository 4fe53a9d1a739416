"""Which line of the user's makes, fills, binds or switches off a thing, read from the text alone: of the script, of the notebook's cells, of his own classes.

`sources.py` finds the texts, `names.py` what is called and assigned in them; each further file answers one question. An answer that is not the only one is none.
"""
