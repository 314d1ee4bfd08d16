"""Measures nablanet beside the programs it competes with: `python -m benchmarks`.

The parent process (`__main__`, `measure`) runs every contender of a task in a child of its own
(`worker`), gives all of them the same data, mini-batches and initial weights, and lets them take turns.
"""
