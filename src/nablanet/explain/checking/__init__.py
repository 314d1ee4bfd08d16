"""Checks of derivatives: a network's gradients, and functions that a user brings."""
