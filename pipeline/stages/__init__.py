"""One module per artefact, each with one public pure function ``run``."""
