"""Error classes for input that a user can correct.

A message is one line: it names the file or field, says what is wrong with it, and what would be
right. `palimpsest.pipeline.commands.run` prints that line and ends with exit status 2; any other
exception is a fault of the program and keeps its traceback.
"""


class PalimpsestError(Exception):
    """Base class of this project's errors: the input cannot be used."""


class CheckpointError(PalimpsestError):
    """A file of generator or segmenter weights that is missing, damaged or of an unknown kind."""


class SessionError(PalimpsestError):
    """A session or painted scenes that cannot be used: an empty mask, an unknown layer and so
    on."""


class StatisticsError(PalimpsestError):
    """Key statistics that are unusable, or that belong to other weights, layer or samples."""


class EditError(PalimpsestError):
    """An edit that is damaged, or that was made for other weights."""


class ParameterError(PalimpsestError):
    """A parameter that is unknown, of the wrong type, or outside its range."""


class DownloadError(PalimpsestError):
    """A published file that could not be fetched, or that is not the file it should be."""


class WorldError(PalimpsestError):
    """A world, class or attribute that does not exist, or latents of the wrong shape."""
