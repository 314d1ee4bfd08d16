"""The command line: `nablanet train`, `predict`, `evaluate` and `info`."""
