"""A world is a fixed map z → attributes → picture; a scene holds the attributes of a batch.

Each attribute reads one dimension of z through u = Φ(z[dim]), the standard normal cdf, so that its
probabilities are exact for standard normal z. Nothing is random besides z: the same z gives the
same bytes at any place in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri


@dataclass(frozen=True)
class Real:
    """A continuous attribute: low + (high - low) · u."""

    dim: int
    low: float
    high: float
    about: str

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Values of u where the attribute jumps: none."""
        return ()

    def decode(self, u: np.ndarray) -> np.ndarray:
        """(B,) u in [0, 1] → (B,) float64 in [low, high]."""
        return self.low + (self.high - self.low) * u

    def interval(self, value: float) -> tuple[float, float]:
        """The u, from and to, that are decoded as ``value``."""
        u = (float(value) - self.low) / (self.high - self.low)
        return max(0.0, u - 1e-6), min(1.0, u + 1e-6)

    def encode(self, name: str, value: Any) -> np.float64:
        """Check a user's value; raises ValueError outside [low, high]."""
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
            raise ValueError(f"{name}: expected a number, got {value!r}")
        if not self.low <= value <= self.high:
            raise ValueError(f"{name}: {value} is outside [{self.low}, {self.high}]")
        return np.float64(value)


@dataclass(frozen=True)
class Flag:
    """A yes-or-no attribute: true where u > 1 - probability."""

    dim: int
    probability: float
    about: str

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Values of u where the attribute jumps."""
        return (1.0 - self.probability,)

    def decode(self, u: np.ndarray) -> np.ndarray:
        """(B,) u in [0, 1] → (B,) bool."""
        return u > 1.0 - self.probability

    def interval(self, value: bool) -> tuple[float, float]:
        """The u, from and to, that are decoded as ``value``."""
        return (1.0 - self.probability, 1.0) if value else (0.0, 1.0 - self.probability)

    def encode(self, name: str, value: Any) -> np.bool_:
        """Check a user's value; raises ValueError for anything but a truth value."""
        if not isinstance(value, (bool, np.bool_)):
            raise ValueError(f"{name}: expected True or False, got {value!r}")
        return np.bool_(value)


@dataclass(frozen=True)
class Choice:
    """A categorical attribute: `options` maps each name to its probability, in order of u."""

    dim: int
    options: Mapping[str, float]
    about: str

    @property
    def names(self) -> tuple[str, ...]:
        """Option names; an attribute's value is an index into them."""
        return tuple(self.options)

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Values of u where the attribute jumps."""
        edges = np.cumsum(list(self.options.values()))[:-1]
        return tuple(round(float(edge), 9) for edge in edges)

    def decode(self, u: np.ndarray) -> np.ndarray:
        """(B,) u in [0, 1] → (B,) int64 index into `names`."""
        return np.searchsorted(np.array(self.thresholds), u, side="right").astype(np.int64)

    def interval(self, value: int) -> tuple[float, float]:
        """The u, from and to, that are decoded as ``value``."""
        edges = (0.0, *self.thresholds, 1.0)
        return edges[int(value)], edges[int(value) + 1]

    def encode(self, name: str, value: Any) -> np.int64:
        """Name or index → index; raises ValueError for an unknown one."""
        if isinstance(value, str) and value in self.names:
            return np.int64(self.names.index(value))
        is_index = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if is_index and 0 <= value < len(self.names):
            return np.int64(value)
        raise ValueError(f"{name}: {value!r} is not one of {', '.join(self.names)}")


Attribute = Real | Flag | Choice


class Picture(NamedTuple):
    """`images` uint8 (B, R, R, 3) RGB and `labels` uint8 (B, R, R), indices into world.classes."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Scene:
    """Attribute values of a batch; `values[name]` is (B,) float64, int64 or bool."""

    attributes: Mapping[str, Attribute]
    values: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def __getitem__(self, index: Any) -> Scene:
        """A sub-batch by integer, slice, index array or mask; always a batch, also for one."""
        picked = np.atleast_1d(np.arange(len(self))[index])
        return replace(self, values={name: array[picked] for name, array in self.values.items()})

    def with_(self, **changes: Any) -> Scene:
        """The counterfactual: the same scenes with some attributes set for the whole batch.

        Choices take an option's name or index, flags a bool, reals a number in range, and each also
        a (B,) sequence of these. Raises ValueError for an unknown attribute or a bad value.
        """
        values = dict(self.values)
        for name, value in changes.items():
            if name not in self.attributes:
                known = ", ".join(self.attributes)
                raise ValueError(f"unknown attribute {name!r}; known attributes: {known}")
            attribute = self.attributes[name]
            if isinstance(value, (list, tuple, np.ndarray)):
                if len(value) != len(self):
                    raise ValueError(f"{name}: {len(value)} values for {len(self)} scenes")
                coded = [attribute.encode(name, one) for one in value]
                values[name] = np.array(coded, dtype=self.values[name].dtype)
            else:
                coded = attribute.encode(name, value)
                values[name] = np.full(len(self), coded, dtype=self.values[name].dtype)
        return replace(self, values=values)

    def named(self, name: str) -> np.ndarray:
        """A categorical attribute as (B,) option names; raises ValueError for another kind."""
        attribute = self.attributes.get(name)
        if not isinstance(attribute, Choice):
            raise ValueError(f"{name!r} is not a categorical attribute")
        return np.array(attribute.names)[self.values[name]]


class Slot(NamedTuple):
    """A place of the picture whose appearance depends on its own attributes.

    ``box``: (left, top, right, bottom) in unit coordinates, which nothing else in a scene overlaps;
    ``echo``: the box of what depends on it, such as its mirror image.
    """

    attributes: tuple[str, ...]
    box: tuple[float, float, float, float]
    echo: tuple[float, float, float, float]


@dataclass(frozen=True)
class World:
    """A procedural scene renderer with exact labels.

    `paint(values, resolution)` draws one scene, given as scalars by attribute name, and returns its
    image uint8 (R, R, 3) and labels uint8 (R, R). `presence(scene)` says what each scene contains.
    `counterfactuals`: name of a new rule → the changes for `Scene.with_`. An option or a flag of
    probability 0 occurs only through such a rule.
    `slots`: places that two scenes can interchange, by name.
    `concerned`: name of a new rule → attributes that a scene must have for the rule to apply; a
    rule that is missing here applies to every scene.
    """

    name: str
    classes: tuple[str, ...]
    rules: Mapping[str, Attribute]
    paint: Callable[[dict[str, Any], int], tuple[np.ndarray, np.ndarray]]
    presence: Callable[[Scene], dict[str, np.ndarray]]
    counterfactuals: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    slots: Mapping[str, Slot] = field(default_factory=dict)
    concerned: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def z_dim(self) -> int:
        """Length of z: one more than the last dimension an attribute reads."""
        return 1 + max(rule.dim for rule in self.rules.values())

    @property
    def attributes(self) -> dict[str, str]:
        """Attribute name → its kind and what it means, for people."""
        text = {}
        for name, rule in self.rules.items():
            if isinstance(rule, Choice):
                kind = ", ".join(f"{option} {p:.0%}" for option, p in rule.options.items())
            elif isinstance(rule, Flag):
                kind = f"flag {rule.probability:.0%}"
            else:
                kind = f"real {rule.low:g} to {rule.high:g}"
            text[name] = f"{rule.about} ({kind})"
        return text

    @property
    def thresholds(self) -> tuple[tuple[int, float], ...]:
        """All (dim, u) at which some discrete attribute switches, in order, without repeats.

        Only 0 < u < 1: an option of probability 0 never switches.
        """
        pairs = {
            (rule.dim, u) for rule in self.rules.values() for u in rule.thresholds if 0 < u < 1
        }
        return tuple(sorted(pairs))

    def scene(self, z: Any) -> Scene:
        """z: (B, z_dim) finite floats → scenes; raises ValueError for anything else."""
        z = np.asarray(z, dtype=np.float64)
        if z.ndim != 2 or z.shape[1] != self.z_dim:
            raise ValueError(
                f"z must be (B, {self.z_dim}) for the {self.name} world, got {z.shape}"
            )
        if not np.isfinite(z).all():
            raise ValueError("z must be finite")
        u = ndtr(z)
        return Scene(
            self.rules, {name: rule.decode(u[:, rule.dim]) for name, rule in self.rules.items()}
        )

    def under_rule(self, rule: str, scene: Scene) -> tuple[Scene, np.ndarray]:
        """The scenes under a new rule, and which of them it changes, (B,) bool.

        Scenes to which the rule does not apply (`concerned`), or that follow it already, stay the
        same. Raises ValueError for a rule that is not in `counterfactuals`.
        """
        changes = self._changes_of(rule)
        speaks = np.ones(len(scene), bool)
        for name, value in self.concerned.get(rule, {}).items():
            speaks &= scene.values[name] == self.rules[name].encode(name, value)
        after = scene.with_(**changes)
        changed = np.zeros(len(scene), bool)
        for name in changes:
            changed |= after.values[name] != scene.values[name]
        changed &= speaks
        values = {
            name: np.where(changed, after.values[name], before)
            for name, before in scene.values.items()
        }
        return replace(scene, values=values), changed

    def render(self, scene: Scene, resolution: int = 128) -> Picture:
        """Draw every scene; `resolution` is a power of two in 32..256 (else ValueError)."""
        if resolution not in (32, 64, 128, 256):
            raise ValueError(f"resolution must be 32, 64, 128 or 256, got {resolution}")
        images = np.empty((len(scene), resolution, resolution, 3), np.uint8)
        labels = np.empty((len(scene), resolution, resolution), np.uint8)
        columns = {name: array.tolist() for name, array in scene.values.items()}
        for i in range(len(scene)):
            values = {name: column[i] for name, column in columns.items()}
            images[i], labels[i] = self.paint(values, resolution)
        return Picture(images, labels)

    def latents_under(self, rule: str, z: np.ndarray) -> np.ndarray:
        """``z`` (B, z_dim) whose scenes follow a new rule: every attribute that the rule sets is
        moved to the middle of the u of its new value, the rest of z stays.

        Attributes that read the same dimension move with it. Raises ValueError for an unknown rule,
        and for a value of probability 0, which no z has.
        """
        moved = np.array(z, dtype=np.float64)
        for name, value in self._changes_of(rule).items():
            attribute = self.rules[name]
            low, high = attribute.interval(attribute.encode(name, value))
            if not low < high:
                raise ValueError(f"{name} = {value} has probability 0: no z shows it")
            moved[:, attribute.dim] = ndtri((low + high) / 2)
        return moved

    def _changes_of(self, rule: str) -> Mapping[str, Any]:
        if rule not in self.counterfactuals:
            known = ", ".join(self.counterfactuals) or "none"
            raise ValueError(f"the {self.name} world has no rule {rule!r}; it has: {known}")
        return self.counterfactuals[rule]

    def attribute_presence(self, scene: Scene) -> dict[str, np.ndarray]:
        """Name → (B,) bool: which scenes contain it."""
        return self.presence(scene)
