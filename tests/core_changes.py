"""What people do to core files: each function changes a folder that holds ``a.csv``."""

import os


def new(cores):
    (cores / "c.csv").write_text("three\n", encoding="utf-8")


def back_dated(cores):
    new(cores)
    os.utime(cores / "c.csv", (1, 1))


def replaced(cores):
    """Other content of the same size and date."""
    path = cores / "a.csv"
    status = path.stat()
    path.write_text(path.read_text(encoding="utf-8").upper(), encoding="utf-8")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def renamed(cores):
    (cores / "a.csv").rename(cores / "with a space.csv")


def deleted(cores):
    (cores / "a.csv").unlink()


def moved_into_a_new_folder(cores):
    (cores / "2014").mkdir()
    (cores / "a.csv").rename(cores / "2014" / "a.csv")


ALL = (new, back_dated, replaced, renamed, deleted, moved_into_a_new_folder)
