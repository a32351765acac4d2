"""A wheel carries the graph inside the package: ``python -m pipeline make`` builds an assessment where there is no checkout."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithMakefile(build_py):
    """Copy the Makefile beside the modules. What is installed for editing finds it in the checkout."""

    def run(self) -> None:
        """Build the package, then add the Makefile."""
        super().run()
        if not self.editable_mode:
            self.copy_file("Makefile", str(Path(self.build_lib) / "pipeline" / "Makefile"))


setup(cmdclass={"build_py": BuildWithMakefile})
