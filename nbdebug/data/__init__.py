"""The data alone, without a model: what can be looked at, one pass over it, and what the pass is asked afterwards.

    source → chunks → gathered → split → structure, features, classes, between, running → looks

`sources/` makes batches of whatever a user has; `chunk.py` names the parts of a batch; `gathering/` keeps of the pass what
fits into a bounded memory; a `Split` is all that is known of one loader when the pass is over, and everything that takes
longer than a pass (neighbours, correlations, drift) is asked of it and not of the loader.
"""
