"""The command line: it builds a config, calls one function of the library and prints the result."""
