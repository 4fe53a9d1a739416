"""What the checks read out of a result: motion, shapes of curves, order of calls, and the source of the loop."""
