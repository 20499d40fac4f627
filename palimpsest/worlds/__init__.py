"""Mini worlds: procedural scenes with exact labels, which the mini generators learn to draw.

world = get_world("church")
scene = world.scene(z)                     # z: (B, world.z_dim)
picture = world.render(scene)              # .images uint8 (B, 128, 128, 3), .labels (B, 128, 128)
other = world.render(scene.with_(top="spire"))   # the same scenes with one rule changed
"""

from palimpsest.errors import WorldError
from palimpsest.worlds.church.world import CHURCH
from palimpsest.worlds.face.world import FACE
from palimpsest.worlds.horse.world import HORSE
from palimpsest.worlds.kitchen.world import KITCHEN
from palimpsest.worlds.scene import Picture, Scene, World

__all__ = ["Picture", "Scene", "World", "get_world", "world_names"]

_WORLDS = {world.name: world for world in (CHURCH, FACE, HORSE, KITCHEN)}


def world_names() -> tuple[str, ...]:
    """The names of all worlds, in alphabetical order."""
    return tuple(sorted(_WORLDS))


def get_world(name: str) -> World:
    """The world called `name`; raises `WorldError` listing the known names for any other."""
    if name not in _WORLDS:
        raise WorldError(f"unknown world {name!r}; known worlds: {', '.join(world_names())}")
    return _WORLDS[name]
