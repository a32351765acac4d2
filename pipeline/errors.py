"""Errors a user can act on: the command line prints them as one line and exits 2; anything else is our bug."""


class PipelineError(Exception):
    """What was found, where, what is allowed and how to cure it; base of all errors shown to users."""


class CoreFileError(PipelineError):
    """A core file cannot be used as it is."""


class RowsRefused(CoreFileError):
    """Rows of core files cannot be used; carries them all, so that they can be listed.

    Parameters
    ----------
    message : str
        What the user reads.
    refused : list of tuple
        ``(file, row, column, value, reason)`` of every problem.
    """

    def __init__(self, message: str, refused: list[tuple[str, int, str, str, str]]) -> None:
        super().__init__(message)
        self.refused = refused


class SettingsError(PipelineError):
    """The assessment settings are missing, misspelt or out of range."""


class ArtefactError(PipelineError):
    """A file in the flow is missing, torn or not of the kind its name promises."""


class MachineError(PipelineError):
    """The machine failed the build: a full disk, no right to write, no memory."""


class WorkersError(PipelineError):
    """The processes that work for a build cannot be reached, are of another version, or are lost again and again."""


class GridMismatch(PipelineError):
    """Two rasters that should share one grid do not."""


class TooFewSamples(PipelineError):
    """There are not enough samples for the estimate asked for."""


class BathymetryError(PipelineError):
    """A depth grid cannot be read, or does not cover what it must."""


class WebError(PipelineError):
    """A map cannot be made self-contained and safe to open offline."""
