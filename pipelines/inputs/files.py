"""The files of a dataset, each with its role: what a phase reads, and how it is written down for the next time."""

from dataclasses import dataclass
from typing import Any

from data import config as configs
from data.readers.identity import of_source
from data.readers.source import Source
from pipelines.inputs.reading import Reading


@dataclass(frozen=True)
class Files:
    """The files of a dataset as sources: what to learn from, what to choose by, what must not come out.

    symmetric: pairs of `exclude` with their texts swapped must not be learned from either (`teach`)
    """

    reading: Reading
    train: Source
    dev: Source | None = None
    unlabelled: tuple[Source, ...] = ()
    exclude: tuple[Source, ...] = ()
    symmetric: bool = False

    def table(self) -> dict[str, Any]:
        """Write the files as the [data] table of a recipe."""
        address = self.reading.address
        table: dict[str, Any] = {"train": address(self.train)}
        if self.dev:
            table["dev"] = address(self.dev)
        for name, sources in (("unlabelled", self.unlabelled), ("exclude", self.exclude)):
            if sources:
                table[name] = [address(source, unlabelled=True) for source in sources]
        return table | configs.as_dict(self.reading)

    def origins(self) -> dict[str, str]:
        """Name every input by role and content hash, for the manifest; excluded files in sorted order."""
        more = [of_source(source) for source in self.unlabelled]
        less = sorted(of_source(source) for source in self.exclude)
        named = {
            f"{role} {n}": found
            for role, all_of in (("unlabelled", more), ("exclude", less))
            for n, found in enumerate(all_of, 1)
        }
        return {"train": of_source(self.train)} | named
