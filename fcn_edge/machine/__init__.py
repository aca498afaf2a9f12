"""The machine a program runs on: what it is, what it does just now, and what that does to a measurement."""
