"""Model files: a network, with what belongs to it, on disk."""

from nablanet.files.container import ModelFileError
from nablanet.files.model import Model, is_model_file, load, read_model, save_model

__all__ = ["Model", "ModelFileError", "is_model_file", "load", "read_model", "save_model"]
