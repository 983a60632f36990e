"""The program: statements in an order in which they can run, and nothing about arrays."""
