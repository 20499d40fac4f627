"""Settings of Neural Best-Buddies: the search for pairs, the warp and the blending."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from palimpsest.settings import Count, Settings


class MatchingSettings(Settings):
    """Settings of the search for pairs; the first of the per-map settings is the finest map's.

    Defaults are those of the rewriting paper's comparison, on images of 224 pixels and maps of
    strides 2, 4, 8 and 16 (VGG19's levels 2 to 5). Patches, radii and the number of pairs count
    cells of such maps and are left as they are; the border is a share of the image's side.

    - ``patches``: side of the square of cells that is compared, odd; as many maps are used;
    - ``radii``: how far a pair may move from where the coarser map had it, in cells; the last is
      how far apart the two cells of a pair may lie in the coarsest map, None for anywhere;
    - ``activation``: least squared length of a cell's features, where the weakest cell of the
      image has 0 and the strongest 1 (tau);
    - ``border``: pairs nearer to an edge are dropped (7 of 224 pixels; 4 of 128);
    - ``per_level``: largest number of pairs kept at each map.
    """

    patches: Annotated[tuple[Count, ...], Field(min_length=1)] = (5, 3, 3, 3)
    radii: Annotated[tuple[Annotated[int, Field(ge=0)] | None, ...], Field(min_length=1)] = (
        3,
        2,
        2,
        2,
    )
    activation: float = Field(default=0.05, ge=0, lt=1)
    border: float = Field(default=1 / 32, ge=0, lt=0.5)
    per_level: Count = 10

    @field_validator("patches")
    @classmethod
    def _odd(cls, patches: tuple[int, ...]) -> tuple[int, ...]:
        if any(side % 2 == 0 for side in patches):
            raise ValueError(f"{list(patches)}: one odd side for each map, such as 5, 3")
        return patches

    @model_validator(mode="after")
    def _one_radius_a_map(self) -> MatchingSettings:
        *finer, _ = self.radii
        if len(self.radii) != len(self.patches) or any(r is None or r < 1 for r in finer):
            raise ValueError(
                f"radii {list(self.radii)}: one for each of {len(self.patches)} maps; all but the "
                "last are 1 cell or more, the last is 0 or more, or null for no limit"
            )
        return self


class TransferSettings(MatchingSettings):
    """Settings of the correspondences, the warp and the blending.

    Defaults are the rewriting paper's, on 224 pixels; the grid is a share of the image's side, and
    so scales with it.

    - ``alpha``: how local the warp is (2);
    - ``grid``: distance of the nodes at which the warp is computed (15 of 224 pixels; 8.6 of 128);
    - ``levels``: of the Laplacian pyramid (6): the coarsest has a 32nd of the image's sides.
    """

    alpha: float = Field(default=2.0, gt=0)
    grid: float = Field(default=15 / 224, gt=0, le=1)
    levels: Count = 6
