"""How near a training comes to what is not finite, before it is there: edges, formulas, masked rows."""
