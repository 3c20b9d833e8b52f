"""``pypeline schedules``: its options, what it does, and how schedules are printed."""
