"""A loop of the user's own, armed: the tripwire, and the step that tripped it run again from the loop's source."""
