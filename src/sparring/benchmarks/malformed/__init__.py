"""Malformed inputs, made by seeded generators: what the benchmark `hostile` sets before the command line."""
