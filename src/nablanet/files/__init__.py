"""Model files: a network, with what belongs to it, on disk; and checkpoints, of one that is being trained."""

from nablanet.files.checkpoint import Checkpoint, CheckpointFile, is_checkpoint, read_checkpoint
from nablanet.files.container import ModelFileError
from nablanet.files.model import Model, is_model_file, load, read_model, save_model

__all__ = [
    "Checkpoint",
    "CheckpointFile",
    "Model",
    "ModelFileError",
    "is_checkpoint",
    "is_model_file",
    "load",
    "read_checkpoint",
    "read_model",
    "save_model",
]
